"""What people see: the page and the JSON API that the command line reads too."""

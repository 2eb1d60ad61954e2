"""Where channels and users are, and how far apart."""

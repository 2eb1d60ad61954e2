"""Know the cause, run the playbook, verify, remember."""

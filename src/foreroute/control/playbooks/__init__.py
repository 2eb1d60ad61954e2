"""Recovery playbooks while the service runs: what they see, where their runs are written down, what they bound."""

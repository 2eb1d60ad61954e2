"""What would keep a configuration from working here: each check says pass, warn or fail, and what would help."""

"""What proves to a cloud who is calling: one module for each cloud, each with its own kit behind an extra."""

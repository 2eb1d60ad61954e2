"""Recovery playbooks: how they are written and read, when they start, what they do, and how each run ends."""

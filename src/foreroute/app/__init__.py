"""The composition root: settings to a running house. Imported by the command line and the demo, by nobody else."""

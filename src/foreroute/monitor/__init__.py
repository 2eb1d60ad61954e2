"""What happened in each minute: attempts in, rollups and metrics out."""

"""Where minutes, money and decisions are kept."""

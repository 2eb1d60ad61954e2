"""Incidents: from many channels' troubles to one story with its phases, acts and effect."""

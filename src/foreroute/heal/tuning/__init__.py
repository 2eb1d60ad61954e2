"""Tuning of the gateway's limits by what is measured. Pure: no clock, no chance, no I/O."""

"""The forecasts of all series at once: one array operation a minute instead of one object a series."""

"""Whether a value is strange for its channel. Detectors score, thresholds decide."""

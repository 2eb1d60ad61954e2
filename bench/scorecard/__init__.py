"""One row per success criterion, each measured by a benchmark of its own: `python -m bench.scorecard`."""

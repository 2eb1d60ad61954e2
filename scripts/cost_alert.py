#!/usr/bin/env python3
"""Says what is spent of each budget, where it is heading, and sets its limits and alerts: `foreroute budget`."""

import sys

from foreroute.cli.program import app

app(["budget", *sys.argv[1:]])

#!/usr/bin/env python3
"""Shows and takes back what is tuned: `foreroute heal tune`."""

import sys

from foreroute.cli.program import app

app(["heal", "tune", *sys.argv[1:]])

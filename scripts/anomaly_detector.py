#!/usr/bin/env python3
"""Says what was strange on which channel: `foreroute detect`."""

import sys

from foreroute.cli.program import app

app(["detect", *sys.argv[1:]])

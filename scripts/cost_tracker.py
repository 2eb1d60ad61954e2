#!/usr/bin/env python3
"""Says what a period has cost, told apart in one way: `foreroute cost show`."""

import sys

from foreroute.cli.program import app

app(["cost", "show", *sys.argv[1:]])

#!/usr/bin/env python3
"""Says what is expected of a channel: `foreroute forecast`; `foreroute train` fits the models behind it."""

import sys

from foreroute.cli.program import app

app(["forecast", *sys.argv[1:]])

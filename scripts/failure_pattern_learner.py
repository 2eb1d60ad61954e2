#!/usr/bin/env python3
"""Shows what was learnt from failures: `foreroute heal patterns`."""

import sys

from foreroute.cli.program import app

app(["heal", "patterns", *sys.argv[1:]])

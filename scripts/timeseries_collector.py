#!/usr/bin/env python3
"""Collects metrics of every channel each minute: `foreroute collect`."""

import sys

from foreroute.cli.program import app

app(["collect", *sys.argv[1:]])

#!/usr/bin/env python3
"""Finds the cheapest shares that keep every promise: `foreroute cost optimize`."""

import sys

from foreroute.cli.program import app

app(["cost", "optimize", *sys.argv[1:]])

"""The command line. Stdout is the result, stderr is talk; what is heavy is imported by the verb that needs it."""

from foreroute.cli.program import main

__all__ = ["main"]

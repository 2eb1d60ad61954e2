"""What the exit code of each command means. Scripts rely on it."""

from enum import IntEnum
from typing import Final

from foreroute.core.errors import ConfigError, ForerouteError


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    CONFIG = 3
    UNHEALTHY = 4
    BUDGET = 5


MEANINGS: Final = {
    ExitCode.OK: "Done. Warnings do not change that.",
    ExitCode.FAILED: "It could not be done; the reason is on stderr.",
    ExitCode.USAGE: "There is no such command, option or value.",
    ExitCode.CONFIG: "The configuration cannot be used; stderr says what is wrong, where, and what would be right.",
    ExitCode.UNHEALTHY: (
        "`status`: nobody answers, the control loop is dead, or a route has no channel left that works. "
        "`doctor`: a check failed."
    ),
    ExitCode.BUDGET: "`status --fail-on-budget`: a budget is spent.",
}


def exit_code_of(error: ForerouteError) -> ExitCode:
    return ExitCode.CONFIG if isinstance(error, ConfigError) else ExitCode.FAILED

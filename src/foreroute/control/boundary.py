"""The edge of each stage: what fails behind it costs its findings, not the tick."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

_log: Final = logging.getLogger("foreroute.control")
_T = TypeVar("_T")


class Boundary:
    """`errors` says, by stage, what has gone wrong since `clear`."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}

    def clear(self) -> None:
        self.errors = {}

    def guard(self, stage: str, run: Callable[[], _T], default: _T) -> _T:
        try:
            return run()
        except Exception as error:  # noqa: BLE001 - the stage boundary: the tick goes on without this stage
            self.fail(stage, error)
            return default

    async def wait(self, stage: str, work: Awaitable[_T], default: _T) -> _T:
        try:
            return await work
        except Exception as error:  # noqa: BLE001 - the stage boundary: the tick goes on without this stage
            self.fail(stage, error)
            return default

    def fail(self, stage: str, error: Exception) -> None:
        self.errors[stage] = f"{type(error).__name__}: {error}"
        _log.warning("stage_failed", exc_info=error, extra={"stage": stage})

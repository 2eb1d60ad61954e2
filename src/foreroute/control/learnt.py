"""What the stages have learnt, kept across restarts: read at the start, written every few minutes and at the end."""

import logging
from collections.abc import Mapping
from typing import Final, Protocol

from foreroute.core.errors import StoreCorrupt
from foreroute.core.ports import StateStore

_log: Final = logging.getLogger("foreroute.control")


class Learner(Protocol):
    """A stage that knows more the longer it runs."""

    def dump(self) -> bytes: ...

    def load(self, state: bytes) -> None:
        """Goes on from what `dump` gave. Raises StoreCorrupt and changes nothing if it cannot."""
        ...


class Learnt:
    """Without a `StateStore` nothing is kept, and every start is the first."""

    def __init__(self, learners: Mapping[str, Learner], states: StateStore | None, *, every_s: float) -> None:
        self._learners = dict(learners)
        self._states = states
        self._every_s = every_s
        self._kept_at: float | None = None

    async def restore(self) -> None:
        """A state that cannot be used is set aside: that learner starts anew. Raises StoreUnavailable."""
        if self._states is None:
            return
        for name, learner in self._learners.items():
            state = await self._states.read(name)
            if state is None:
                continue
            try:
                learner.load(state)
            except StoreCorrupt as error:
                await self._states.set_aside(name)
                _log.warning("learnt_state_unusable", extra={"state": name, "error": str(error)})

    async def keep(self, at: float) -> None:
        """Writes everything down if that is due. Raises StoreUnavailable."""
        if self._kept_at is None or not 0 <= at - self._kept_at < self._every_s:
            await self.keep_now(at)

    async def keep_now(self, at: float) -> None:
        if self._states is None:
            return
        self._kept_at = at
        for name, learner in self._learners.items():
            await self._states.write(name, learner.dump())

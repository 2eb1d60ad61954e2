"""How much of its share a channel gets that is new, or was out and has come back. Pure.

Three steps: 5 %, 25 %, all. Each takes some successes and some seconds: one probe that went well proves little,
and a channel that is cold or half repaired fails under the whole load at once.
"""

from typing import Final

_STEPS: Final = (0.05, 0.25, 1.0)
_SUCCESSES: Final = 3
_STEP_S: Final = 5.0
_PATIENCE_S: Final = 10.0
"""A step ends after this long even without traffic: nothing speaks against the channel."""


class Trust:
    """Full at first: when the gateway starts, all channels are equally new."""

    def __init__(self) -> None:
        self._step = len(_STEPS) - 1
        self._successes = 0
        self._since: float | None = None

    def lose(self) -> None:
        self._step, self._successes, self._since = 0, 0, None

    def begin(self, at: float) -> None:
        """The channel is back: its steps are counted from now on, with traffic or without."""
        if self._since is None:
            self._since = at

    def earn(self, at: float) -> None:
        if self._step == len(_STEPS) - 1:
            return
        if self._since is None:
            self._since = at
        self._successes += 1
        if self._successes >= _SUCCESSES and at - self._since >= _STEP_S:
            self._step, self._successes, self._since = self._step + 1, 0, at

    def share(self, at: float) -> float:
        """The part of its weight that the channel may have, 0…1."""
        if self._since is not None and at - self._since >= _PATIENCE_S and self._step < len(_STEPS) - 1:
            self._step, self._successes, self._since = self._step + 1, 0, at
        return _STEPS[self._step]

"""Sums over the recent minutes, kept from tick to tick: what has not changed is not added up again."""

from collections.abc import Mapping, Sequence

from foreroute.core.attempt import Usage
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup

_WHOLE = "all"


class Totals:
    """Whole numbers only, so that taking one off again leaves nothing behind."""

    def __init__(self) -> None:
        self._counted: dict[float, Sequence[Rollup]] = {}
        self._sums: dict[ChannelId, list[int]] = {}
        """By channel: rollups, attempts, successes, and the five kinds of tokens."""

    def of(self, windows: Mapping[float, Sequence[Rollup]]) -> list[Rollup]:
        """One rollup per channel of these windows, by start; a list that is the same object has not changed."""
        for start_at, known in list(self._counted.items()):
            if windows.get(start_at) is not known:
                self._add(known, -1)
                del self._counted[start_at]
        for start_at, rollups in windows.items():
            if start_at not in self._counted:
                self._add(rollups, 1)
                self._counted[start_at] = rollups
        begins_at = min(windows, default=0.0)
        return [self._rollup(channel, begins_at) for channel, sums in self._sums.items() if sums[0]]

    def _add(self, rollups: Sequence[Rollup], sign: int) -> None:
        for rollup in rollups:
            usage = rollup.usage
            sums = self._sums.setdefault(rollup.channel, [0] * 8)
            sums[0] += sign
            sums[1] += sign * rollup.attempts
            sums[2] += sign * rollup.successes
            sums[3] += sign * usage.input_tokens
            sums[4] += sign * usage.cached_input_tokens
            sums[5] += sign * usage.cache_write_tokens
            sums[6] += sign * usage.output_tokens
            sums[7] += sign * usage.reasoning_tokens

    def _rollup(self, channel: ChannelId, begins_at: float) -> Rollup:
        _, attempts, successes, *tokens = self._sums[channel]
        return Rollup(
            channel=channel,
            window_start=begins_at,
            source=_WHOLE,
            attempts=attempts,
            successes=successes,
            usage=Usage(*tokens),
        )

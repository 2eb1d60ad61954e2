"""A channel's durations by phase and size, over the last quarter of an hour, hour and day."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from foreroute.core.limits import Parameter
from foreroute.heal.tuning.samples import Sample
from foreroute.heal.tuning.survival import Survival, merged

_FINE_S: Final = 300.0
_COARSE_S: Final = 3600.0
_FINE_KEPT: Final = 13
_COARSE_KEPT: Final = 25
_SIZES: Final = (512, 2048, 8192, 32_768)
"""Tokens at which a larger class of requests begins."""
QUARTER_S, HOUR_S, DAY_S = 900.0, 3600.0, 86_400.0
_Key = tuple[Parameter, int]


@dataclass(slots=True)
class SizedSamples:
    """Samples of one phase and size class, and how many tokens they had altogether."""

    survival: Survival = field(default_factory=Survival)
    tokens: int = 0

    @property
    def mean_tokens(self) -> float:
        return self.tokens / max(1, self.survival.ended + self.survival.cut)


class Memory:
    """Bounded: five minutes of the last hour, hours of the last day. What a clock that went wrong has put into the
    future is not looked at, and is let go of first.
    """

    def __init__(self) -> None:
        self._fine: dict[int, dict[_Key, SizedSamples]] = {}
        self._coarse: dict[int, dict[_Key, SizedSamples]] = {}
        self._past: tuple[int, dict[_Key, SizedSamples]] | None = None
        """The hours before this one together: they are asked for every minute and change once an hour."""
        self.total = 0
        """Attempts that have told a duration, ever."""

    def add(self, sample: Sample, at: float) -> None:
        key = sample.parameter, self.size_of(sample.tokens)
        for rows, width_s in ((self._fine, _FINE_S), (self._coarse, _COARSE_S)):
            if width_s == _COARSE_S and self._past is not None and int(at // width_s) != self._past[0]:
                self._past = None
            cell = rows.setdefault(int(at // width_s), {}).setdefault(key, SizedSamples())
            cell.survival.add(sample.seconds, cut=sample.cut)
            cell.tokens += sample.tokens
        self.total += sample.parameter is Parameter.TOTAL

    def forget(self, at: float) -> None:
        self._fine = _kept(self._fine, int(at // _FINE_S), _FINE_KEPT)
        self._coarse = _kept(self._coarse, int(at // _COARSE_S), _COARSE_KEPT)

    def over(self, parameter: Parameter, window_s: float, at: float) -> Survival:
        """Of all sizes, from `at` − `window_s` on, in whole steps."""
        return merged(cell.survival for _, cell in self._cells(parameter, window_s, at))

    def sized(self, parameter: Parameter, window_s: float, at: float) -> list[tuple[int, SizedSamples]]:
        """By size class, the smallest first; classes without a sample are left out."""
        found: dict[int, list[SizedSamples]] = {}
        for size, cell in self._cells(parameter, window_s, at):
            found.setdefault(size, []).append(cell)
        return [
            (size, SizedSamples(merged(one.survival for one in cells), sum(one.tokens for one in cells)))
            for size, cells in sorted(found.items())
        ]

    @staticmethod
    def size_of(tokens: int) -> int:
        """The number of the size class."""
        return bisect_right(_SIZES, tokens)

    def dump(self) -> dict[str, Any]:
        """The hours; the last one's five minutes come again soon enough."""
        hours = {
            str(hour): [
                [
                    parameter.value,
                    size,
                    cell.tokens,
                    [[k, *counts] for k, counts in cell.survival.bins.items()],
                ]
                for (parameter, size), cell in cells.items()
            ]
            for hour, cells in self._coarse.items()
        }
        return {"total": self.total, "hours": hours}

    def load(self, fields: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError or ValueError, and changes nothing, on what `dump` did not write."""
        hours = {
            int(hour): {
                (Parameter(name), int(size)): SizedSamples(
                    Survival({int(key): [int(ended), int(cut)] for key, ended, cut in bins}), int(tokens)
                )
                for name, size, tokens, bins in cells
            }
            for hour, cells in fields["hours"].items()
        }
        self._coarse, self._past, self.total = hours, None, int(fields["total"])

    def _cells(self, parameter: Parameter, window_s: float, at: float) -> list[tuple[int, SizedSamples]]:
        if window_s > HOUR_S:
            now = int(at // _COARSE_S)
            rows = [self._before(now), self._coarse.get(now, {})]
        else:
            first, last = int((at - window_s) // _FINE_S), int(at // _FINE_S)
            rows = [cells for step, cells in self._fine.items() if first < step <= last]
        return [(size, cell) for cells in rows for (name, size), cell in cells.items() if name is parameter]

    def _before(self, now: int) -> dict[_Key, SizedSamples]:
        if self._past is None or self._past[0] != now:
            together: dict[_Key, list[SizedSamples]] = {}
            for hour, cells in self._coarse.items():
                if now - _COARSE_KEPT < hour < now:
                    for key, cell in cells.items():
                        together.setdefault(key, []).append(cell)
            self._past = (
                now,
                {
                    key: SizedSamples(merged(one.survival for one in cells), sum(one.tokens for one in cells))
                    for key, cells in together.items()
                },
            )
        return self._past[1]


def _kept(
    rows: dict[int, dict[_Key, SizedSamples]], now: int, most: int
) -> dict[int, dict[_Key, SizedSamples]]:
    """Of steps that are still to come only the next few: they are a clock's mistake."""
    near = {step: cells for step, cells in rows.items() if now - most < step <= now + most}
    ahead = sorted(step for step in near if step > now)
    return {step: cells for step, cells in near.items() if step not in ahead[1:]}

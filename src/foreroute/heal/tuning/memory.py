"""A channel's durations by phase and size, over the last quarter of an hour, hour and day."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from foreroute.core.limits import Parameter
from foreroute.heal.tuning.samples import Sample
from foreroute.heal.tuning.survival import Survival, merged

_FINE_S: Final = 300.0
_PER_HOUR: Final = 12
_FINE_KEPT: Final = 13
_HOURS_KEPT: Final = 25
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


_Cells = dict[_Key, SizedSamples]


class Memory:
    """Bounded: five minutes of the last hour, hours of the last day. What a clock that went wrong has put into the
    future is not looked at, and is let go of first.
    """

    def __init__(self) -> None:
        self._fine: dict[int, _Cells] = {}
        self._hours: dict[int, _Cells] = {}
        self._past: tuple[int, _Cells] | None = None
        """(this hour, all hours together): asked for every minute, changed every five."""
        self._asked: dict[tuple[Parameter, int, int], Survival] = {}
        """What was asked for since anything changed: a round asks for the same again and again."""
        self.total = 0
        """Attempts that have told a duration, ever."""

    def add(self, sample: Sample, at: float) -> None:
        self._asked.clear()
        cells = self._fine.setdefault(int(at // _FINE_S), {})
        key = sample.parameter, bisect_right(_SIZES, sample.tokens)
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = SizedSamples()
        cell.survival.add(sample.seconds, cut=sample.cut)
        cell.tokens += sample.tokens
        self.total += sample.parameter is Parameter.TOTAL

    def forget(self, at: float) -> None:
        """What is older than an hour becomes hours; what is older than a day goes."""
        now = int(at // _FINE_S)
        self._asked.clear()
        for step in [one for one in self._fine if one <= now - _FINE_KEPT]:
            cells = self._fine.pop(step)
            self._past = None
            _pour(cells, self._hours.setdefault(step // _PER_HOUR, {}))
        ahead = sorted(step for step in self._fine if step > now)
        for step in ahead[_FINE_KEPT:]:
            del self._fine[step]
        hour = now // _PER_HOUR
        gone = [one for one in self._hours if not hour - _HOURS_KEPT < one <= hour]
        for one in gone:
            del self._hours[one]
            self._past = None

    def over(self, parameter: Parameter, window_s: float, at: float) -> Survival:
        """Of all sizes, from `at` − `window_s` on, in whole steps. It is not to be added to."""
        key = parameter, int((at - window_s) // _FINE_S), int(at // _FINE_S)
        found = self._asked.get(key)
        if found is None:
            found = merged(cell.survival for _, cell in self._cells(parameter, window_s, at))
            self._asked[key] = found
        return found

    def sized(self, parameter: Parameter, window_s: float, at: float) -> list[tuple[int, SizedSamples]]:
        """By size class, the smallest first; classes without a sample are left out."""
        found: dict[int, list[SizedSamples]] = {}
        for size, cell in self._cells(parameter, window_s, at):
            found.setdefault(size, []).append(cell)
        return [(size, _together(cells)) for size, cells in sorted(found.items())]

    @staticmethod
    def size_of(tokens: int) -> int:
        """The number of the size class."""
        return bisect_right(_SIZES, tokens)

    def dump(self) -> dict[str, Any]:
        """By hours: what is a few minutes old comes back as a part of its hour."""
        hours: dict[int, _Cells] = {}
        for hour, cells in self._hours.items():
            _pour(cells, hours.setdefault(hour, {}))
        for step, cells in self._fine.items():
            _pour(cells, hours.setdefault(step // _PER_HOUR, {}))
        return {
            "total": self.total,
            "hours": {
                str(hour): [_row(key, cell) for key, cell in cells.items()] for hour, cells in hours.items()
            },
        }

    def load(self, fields: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError or ValueError, and changes nothing, on what `dump` did not write."""
        hours = {int(hour): dict(map(_cell, rows)) for hour, rows in fields["hours"].items()}
        total = int(fields["total"])
        self._hours, self._past, self.total = hours, None, total
        self._asked.clear()

    def _cells(self, parameter: Parameter, window_s: float, at: float) -> list[tuple[int, SizedSamples]]:
        first, last = int((at - window_s) // _FINE_S), int(at // _FINE_S)
        rows = [cells for step, cells in self._fine.items() if first < step <= last]
        if window_s > HOUR_S:
            rows.append(self._all_hours(int(at // HOUR_S)))
        return [(size, cell) for cells in rows for (name, size), cell in cells.items() if name is parameter]

    def _all_hours(self, now: int) -> _Cells:
        if self._past is None or self._past[0] != now:
            together: dict[_Key, list[SizedSamples]] = {}
            for hour, cells in self._hours.items():
                if now - _HOURS_KEPT < hour <= now:
                    for key, cell in cells.items():
                        together.setdefault(key, []).append(cell)
            self._past = now, {key: _together(cells) for key, cells in together.items()}
        return self._past[1]


def _together(cells: Iterable[SizedSamples]) -> SizedSamples:
    known = list(cells)
    return SizedSamples(merged(one.survival for one in known), sum(one.tokens for one in known))


def _pour(cells: _Cells, into: _Cells) -> None:
    for key, cell in cells.items():
        known = into.get(key)
        into[key] = _together([cell] if known is None else [known, cell])


def _row(key: _Key, cell: SizedSamples) -> list[Any]:
    bins = [[number, *counts] for number, counts in cell.survival.bins.items()]
    return [key[0].value, key[1], cell.tokens, bins]


def _cell(row: Any) -> tuple[_Key, SizedSamples]:
    name, size, tokens, bins = row
    survival = Survival({int(number): [int(ended), int(cut)] for number, ended, cut in bins})
    return (Parameter(name), int(size)), SizedSamples(survival, int(tokens))

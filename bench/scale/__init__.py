"""What a channel costs as they become many: the minute's forecasts, the whole tick, memory, the store.

`make bench NAME=scale`: 100 to 10,000 channels for the forecasts, 100 to 3,000 for the whole tick; `--quick` stops at 1,000.
"""

from bench.report import Row
from bench.scale import refresh, ticks

_REFRESHED, _REFRESHED_QUICK = (100, 300, 1000, 3000, 10_000), (100, 1000)
_TICKED, _TICKED_QUICK = (100, 300, 1000, 3000), (100, 300)


def run(*, quick: bool) -> list[Row]:
    return [
        *refresh.rows(_REFRESHED_QUICK if quick else _REFRESHED, quick=quick),
        *ticks.rows(_TICKED_QUICK if quick else _TICKED, quick=quick),
    ]

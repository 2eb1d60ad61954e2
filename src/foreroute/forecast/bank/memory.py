"""All that the bank knows, and nothing else: the columns, which series each row is, and where in time it stands."""

import math
from dataclasses import dataclass, field

import numpy as np

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.forecast.bank import (
    changes,
    credibility,
    history,
    intervals,
    learner,
    levels,
    noise,
    profile,
    said,
    scale,
    standing,
    tracking,
)
from foreroute.forecast.bank.columns import Column, Columns
from foreroute.forecast.bank.roster import Roster, prior
from foreroute.forecast.bank.settings import DAY_S, BankSettings


@dataclass(slots=True)
class Memory:
    """`tick` counts steps since the start, `end_at` is the end of the newest one (None before the first), `begun_at` the first one's."""

    settings: BankSettings
    roster: Roster = field(init=False)
    state: Columns = field(init=False)
    shapes: changes.Shapes = field(init=False)
    rows: dict[tuple[ChannelId, Metric], int] = field(default_factory=dict)
    tick: int = 0
    end_at: float | None = None
    begun_at: float = 0.0
    _keys: list[tuple[ChannelId, Metric]] = field(default_factory=list)

    def __post_init__(self) -> None:
        horizons = self.settings.horizons
        self.roster = Roster(self.settings.plug_ins)
        self.shapes = changes.shapes()
        self.state = Columns(
            {
                "offset": Column(()),
                "ceiling": Column(()),
                "amount": Column((), np.bool_),
                **history.columns(horizons),
                **noise.columns(),
                **levels.columns(),
                **profile.columns(self.settings.slots),
                **learner.columns(prior(len(horizons)), horizons),
                **standing.columns(len(self.roster.names), len(horizons)),
                **tracking.columns(len(levels.NAMES) + 1 + len(horizons)),
                **credibility.columns(len(horizons)),
                **intervals.columns(horizons),
                **said.columns(self.roster, horizons),
            }
        )

    def add(self, key: tuple[ChannelId, Metric]) -> None:
        """A new row that knows nothing but its metric."""
        self.rows[key] = self.state.count
        self.state.add(1)
        metric = key[1]
        self.state["offset"][-1] = scale.offset(metric)
        self.state["ceiling"][-1] = scale.ceiling(metric)
        self.state["amount"][-1] = scale.is_amount(metric)

    def key(self, row: int) -> tuple[ChannelId, Metric]:
        """`rows` the other way round. Rows are only ever added, so a list of the same length is the same list."""
        if len(self._keys) != len(self.rows):
            self._keys = list(self.rows)
        return self._keys[row]

    def place(self, end_at: float) -> int:
        """In slots of the day's profile since the epoch, of a step that ends then."""
        start_s = end_at - self.settings.step_s
        return math.floor(start_s / DAY_S * self.settings.slots + 1e-6)

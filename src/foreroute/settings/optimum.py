"""The cost optimum that steers, and how its savings are proved."""

from decimal import Decimal

from pydantic import Field

from foreroute.core.experiment import Unit
from foreroute.settings.section import Section
from foreroute.settings.units import Duration, Ratio, Usd


class OptimumSettings(Section):
    """The cheapest shares that keep every promise, as target weights. How far they go is `rollout.optimum`."""

    enabled: bool = False
    """Find them all the time. Needs the extra `cost`: `pip install 'foreroute[cost]'`."""
    every: Duration = 300.0
    """How often they are found anew, from what is forecast then."""
    gain_min: Ratio = 0.02
    """An optimum that is less than so much cheaper than what stands is not worth a move."""
    valid: Duration = 1800.0
    """An older one is ignored: the configured weights stand in."""


class SavingsSettings(Section):
    """How much is saved, by measurement: a part of the requests keeps the configured weights while the optimum acts."""

    control_share: float = Field(0.05, ge=0.0, le=0.5)
    """That part, drawn by hash. 0: nobody, and no savings can be stated."""
    unit: Unit = Unit.REQUEST
    """What is drawn: `request`, `user`, `key` or `session`. Whoever does not say who it is is not counted."""
    running_usd_per_month: Usd = Decimal(0)
    """What running Foreroute costs you: machines, people. Net savings are after it."""
    setup_usd: Usd = Decimal(0)
    """What it cost you once to set it up, for the time until it has paid for itself."""

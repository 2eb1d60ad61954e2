"""What the house may spend, on whom and in which time: values only. `budget_json` reads and writes them.

A budget of a virtual key's or team's own limits is a `keys.Budget`; these stand beside them and may be about anything
that the ledger tells apart.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from foreroute.core.keys import Budget, Limits, Scope, ScopeId
from foreroute.core.ledger import SpendGroup
from foreroute.core.windows import Window


class BudgetScope(StrEnum):
    """Whose spend counts."""

    GLOBAL = "global"
    TEAM = "team"
    KEY = "key"
    TAG = "tag"
    """Of the keys that carry it."""
    ROUTE = "route"
    CHANNEL = "channel"
    PROVIDER = "provider"


class AtLimit(StrEnum):
    """What becomes of a request that a hard limit has no room for."""

    CHEAPER = "cheaper"
    """From `limit_usd` on only the cheaper half of the route's price range serves, and nothing above the hard limit but
    what costs nothing."""
    QUEUE = "queue"
    """It waits for room, up to a bound, and is refused with 429 then."""
    PAYMENT = "402"
    """Payment required: it is refused, and trying again is of no use."""
    THROTTLE = "429"
    """It is refused, with the start of the next period in `retry-after`."""


class Origin(StrEnum):
    FILE = "file"
    """The configuration file."""
    RUN_TIME = "run time"
    """Set on the running service, or in its store."""


ALERTS_AT: Final = (0.5, 0.8, 1.0)
OWNED: Final = frozenset({BudgetScope.TEAM, BudgetScope.KEY, BudgetScope.TAG})
"""Scopes that a request's key decides."""
SERVED: Final = frozenset({BudgetScope.ROUTE, BudgetScope.CHANNEL, BudgetScope.PROVIDER})
"""Scopes that each attempt decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopedBudget:
    """Raises ValueError with a sentence for a person when its parts do not fit together."""

    name: str
    scope: BudgetScope = BudgetScope.GLOBAL
    of: str = ""
    """The team, key, tag, route, channel or provider; empty for the whole house."""
    window: Window = Window.MONTH
    time_zone: str = "UTC"
    limit_usd: Decimal | None = None
    """The soft limit: what pacing aims at and alerts are about. None: the hard one."""
    hard_limit_usd: Decimal | None = None
    at_limit: AtLimit = AtLimit.THROTTLE
    queue_s: float = 30.0
    pace: bool = True
    allow_unpriced: bool = False
    alerts_at: tuple[float, ...] = ALERTS_AT
    """Parts of the limit that are worth an alert, ascending."""
    forecast_alert: bool = True
    origin: Origin = Origin.FILE

    def __post_init__(self) -> None:
        soft, hard = self.limit_usd, self.hard_limit_usd
        if soft is None and hard is None:
            raise ValueError("a budget has a limit_usd, a hard_limit_usd, or both")
        if any(one is not None and not (one.is_finite() and one > 0) for one in (soft, hard)):
            raise ValueError("a limit is more than 0 US dollars")
        if soft is not None and hard is not None and hard < soft:
            raise ValueError(f"the hard limit of {hard:f} is below the limit of {soft:f}")
        if (self.scope is BudgetScope.GLOBAL) != (not self.of):
            of_whom = f"of a {self.scope} needs its name in `of`"
            whole = "of the whole house has nothing in `of`"
            raise ValueError(f"a budget {of_whom if not self.of else whole}")
        if self.at_limit is AtLimit.CHEAPER and hard is not None and (soft is None or soft >= hard):
            raise ValueError("`cheaper` needs a limit_usd below hard_limit_usd: from there on it spares")
        if self.at_limit is AtLimit.CHEAPER and self.scope in (BudgetScope.CHANNEL, BudgetScope.PROVIDER):
            raise ValueError(f"a {self.scope} at its limit is left out: `cheaper` would say nothing more")

    @property
    def aim_usd(self) -> Decimal:
        """The limit that is aimed at."""
        limit = self.limit_usd if self.limit_usd is not None else self.hard_limit_usd
        assert limit is not None  # noqa: S101 - checked when it was made
        return limit

    @property
    def counted(self) -> tuple[BudgetScope, str, Window]:
        """Two budgets with the same are one too many."""
        return self.scope, self.of, self.window

    @property
    def whose(self) -> str:
        return "all" if self.scope is BudgetScope.GLOBAL else f"{self.scope.value} {self.of}"

    def counts(self, group: SpendGroup) -> bool:
        if self.scope is BudgetScope.TAG:
            return self.of in group.tags
        return self.scope is BudgetScope.GLOBAL or getattr(group, self.scope.value) == self.of

    def account(self) -> Scope | None:
        """What the gateway's accounts count by; None: nothing is ever refused. Another scope, zone or window is another
        account, so that a budget that is set anew begins with what the ledger says.
        """
        if self.hard_limit_usd is None:
            return None
        budgets = [Budget(self.hard_limit_usd, self.window, zone=self.time_zone)]
        if self.limit_usd is not None:
            budgets.append(Budget(self.limit_usd, self.window, hard=False, zone=self.time_zone))
        name = ScopeId(f"budget:{self.name}|{self.scope} {self.of} {self.window} {self.time_zone}")
        return Scope(name, Limits(budgets=tuple(budgets), allow_unpriced=self.allow_unpriced))

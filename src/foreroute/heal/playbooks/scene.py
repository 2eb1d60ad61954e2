"""What of a sight concerns one scope: its own windows and those of its peers, and what they come to. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup, by_channel
from foreroute.core.series import Metric, value_of
from foreroute.heal.playbooks.sight import Sight

_BASELINE_S: Final = 900.0
_FAILING: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose facts, and of which time: the windows that began at or after `since_at`, and within `window_s` of now."""

    channels: tuple[ChannelId, ...]
    window_s: float = 120.0
    since_at: float = float("-inf")
    run_began_at: float | None = None
    cause: str = ""
    run_number: int = 1
    recurrences: int = 0
    probe_ok: bool | None = None


@dataclass(frozen=True)
class Scene:
    """Each part is worked out when it is first asked for: a condition asks for few of them, of many channels."""

    sight: Sight
    asked: Asked

    @cached_property
    def own(self) -> frozenset[ChannelId]:
        return frozenset(self.asked.channels)

    @cached_property
    def peers(self) -> frozenset[ChannelId]:
        return frozenset(self.sight.peers(self.asked.channels))

    @property
    def start_at(self) -> float:
        return max(self.asked.since_at, self.sight.at - self.asked.window_s)

    @cached_property
    def past(self) -> list[Rollup]:
        """All windows of the scope that are known."""
        return self.sight.recent(self.asked.channels)

    @cached_property
    def mine(self) -> list[Rollup]:
        return [one for one in self.past if one.window_start >= self.start_at]

    @cached_property
    def theirs(self) -> list[Rollup]:
        return [one for one in self._peers_past if one.window_start >= self.start_at]

    @cached_property
    def users(self) -> list[Rollup]:
        """Of all channels of the routes that the scope serves."""
        return [*self.mine, *self.theirs]

    @cached_property
    def before(self) -> list[Rollup]:
        """The quarter of an hour before the run, or before the window."""
        began = self.asked.run_began_at
        end_at = self.start_at if began is None else began
        return [
            one
            for one in (*self.past, *self._peers_past)
            if end_at - _BASELINE_S <= one.window_start < end_at
        ]

    @cached_property
    def failing(self) -> frozenset[ChannelId]:
        """Of which half or more fails."""
        return frozenset(name for name, seen in by_channel(self.users).items() if _fails(seen))

    @property
    def judged(self) -> set[ChannelId]:
        """The scope's channels with traffic that says something about them."""
        return {one.channel for one in self.mine if one.attempts > one.ignored}

    @property
    def healthy_share(self) -> float | None:
        weights, names = self.sight.weights, self.own | self.peers
        total = sum(weights.get(name, 0.0) for name in names)
        if total <= 0.0:
            return None
        return sum(weights.get(name, 0.0) for name in names - self.failing) / total

    @property
    def objective(self) -> tuple[Metric, float] | None:
        """The strictest of the routes that the scope serves."""
        known = self.sight.objectives
        return min(
            (known[one] for one in self.asked.channels if one in known), key=lambda it: it[1], default=None
        )

    @property
    def first(self) -> Channel | None:
        return self.sight.channel(self.asked.channels[0]) if self.asked.channels else None

    @property
    def skill(self) -> float:
        """The best of a model that has a vote; 0 without one."""
        skills = (one for name in self.asked.channels for one in self.sight.skills_of(name))
        return max((one.skill for one in skills if one.has_vote), default=0.0)

    @property
    def cost_ratio(self) -> float | None:
        """The cheapest peer's price over the dearest own one."""
        costs = self.sight.costs
        own = [costs[name] for name in self.asked.channels if costs.get(name, 0.0) > 0.0]
        theirs = [costs[name] for name in self.peers if name in costs]
        return min(theirs) / max(own) if own and theirs else None

    @property
    def budget_ratio(self) -> float | None:
        budgets = self.sight.budgets
        return max(
            (float(one.projected_usd / one.limit_usd) for one in budgets if one.limit_usd > 0), default=None
        )

    @cached_property
    def _peers_past(self) -> list[Rollup]:
        return self.sight.recent(sorted(self.peers))


def attempts(seen: Iterable[Rollup]) -> int:
    return sum(one.attempts - one.ignored for one in seen)


def part(some: int, of: int) -> float | None:
    """None of nothing."""
    return some / of if of > 0 else None


def ok_rate(seen: Sequence[Rollup]) -> float | None:
    return part(sum(one.successes for one in seen), attempts(seen))


def error_rate(seen: Sequence[Rollup]) -> float | None:
    """Throttles left out."""
    return part(sum(one.failures_total for one in seen), attempts(seen) - sum(one.throttles for one in seen))


def failed_with(seen: Iterable[Rollup], kind: FailureClass) -> int:
    if kind is FailureClass.RATE_LIMITED:
        return sum(max(one.throttles, one.failures.get(kind, 0)) for one in seen)
    return sum(one.failures.get(kind, 0) for one in seen)


def level(seen: Sequence[Rollup], metric: Metric) -> float | None:
    """The mean of the minutes' values by their requests."""
    pairs = [(value_of(one, metric), one.attempts) for one in seen]
    known = [(value, count) for value, count in pairs if value == value and count > 0]  # noqa: PLR0124 - not NaN
    total = sum(count for _, count in known)
    return sum(value * count for value, count in known) / total if total else None


def _fails(seen: Sequence[Rollup]) -> bool:
    rate = error_rate(seen)
    return rate is not None and rate >= _FAILING

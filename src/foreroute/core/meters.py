"""The arithmetic of accounts: counters of one scope, when they refuse, and how they move. Pure but for the counters.

Requests and tokens each have a bucket that holds a minute's worth and fills evenly (the token bucket that OpenAI and
Anthropic describe for their own limits). After a pause a whole minute's worth may pass at once, so that some minute
may see twice the limit; over any longer time no more passes than the limit allows and one bucket beside. A request's
tokens are taken at admission as it reserved them and corrected when it is settled: a request that took more than it
said leaves a debt that refuses until it is filled.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from foreroute.core.accounts import MINUTE_S, Ask, Balance, Crossing, Gauge, Refusal, Spent, Standing
from foreroute.core.keys import Budget, Limits, Scope
from foreroute.core.windows import Window, window_end, window_start, zone_named

_ROUNDING: Final = 1e-6
_SOON_S: Final = 1.0
"""When only reservations stand in the way: they become free as requests end, long before the window does."""
NOTHING: Final = Decimal(0)


@dataclass(slots=True)
class Meter:
    """Of one scope: how much of its buckets was used at `at`, and how many requests are under way."""

    at: float = -math.inf
    requests: float = 0.0
    tokens: float = 0.0
    parallel: int = 0

    def refill(self, limits: Limits, at: float) -> None:
        """Up to `at`; a clock that went back fills nothing."""
        passed = at - self.at
        if passed <= 0.0:
            return
        self.at = at
        if self.requests:
            rate = limits.requests_per_minute
            self.requests = max(0.0, self.requests - passed * rate / MINUTE_S) if rate else 0.0
        if self.tokens:
            rate = limits.tokens_per_minute
            self.tokens = max(0.0, self.tokens - passed * rate / MINUTE_S) if rate else 0.0


@dataclass(slots=True)
class Account:
    """Money of one scope in one window."""

    window: Window
    start_at: float
    end_at: float
    spent_usd: Decimal = NOTHING
    reserved_usd: Decimal = NOTHING


def new_account(window: Window, at: float, zone: str = "UTC") -> Account:
    place = zone_named(zone)
    return Account(window, window_start(window, at, place), window_end(window, at, place))


@dataclass(frozen=True, slots=True)
class Held:
    """A scope with its counters at hand: one account for each window that a budget of it has."""

    scope: Scope
    meter: Meter
    accounts: dict[Window, Account]


def refusal(all_held: Sequence[Held], ask: Ask, at: float) -> Refusal | None:
    """The first bound that stands in the way. The meters are filled up to `at`."""
    for held in all_held:
        if held.scope.limits.budgets and (found := _money_refusal(held, ask, at)):
            return found
    for held in all_held:
        if found := _rate_refusal(held, ask):
            return found
    return None


def reserve(all_held: Iterable[Held], tokens: int, cost_usd: Decimal) -> None:
    for held in all_held:
        meter = held.meter
        meter.parallel += 1
        if held.scope.limits.requests_per_minute:
            meter.requests += 1.0
        if held.scope.limits.tokens_per_minute:
            meter.tokens += tokens
        for account in held.accounts.values():
            account.reserved_usd += cost_usd


def reserve_more(all_held: Sequence[Held], more_usd: Decimal) -> bool:
    """False, and nothing is changed, when a hard budget does not allow it."""
    for held in all_held:
        for budget in held.scope.limits.budgets:
            account = held.accounts[budget.window]
            if budget.hard and account.spent_usd + account.reserved_usd + more_usd > budget.limit_usd:
                return False
    for held in all_held:
        for account in held.accounts.values():
            account.reserved_usd += more_usd
    return True


def release(all_held: Iterable[Held], reserved_usd: Decimal) -> None:
    """The request is over, or nobody knows of it any more."""
    for held in all_held:
        held.meter.parallel -= 1
        for account in held.accounts.values():
            account.reserved_usd -= reserved_usd


def spend(
    all_held: Iterable[Held], spent: Spent, reserved_tokens: int, reserved_usd: Decimal, at: float
) -> tuple[Crossing, ...]:
    """Books what a request came to; `release` is the caller's."""
    cost = reserved_usd if spent.cost_usd is None else spent.cost_usd
    crossings: tuple[Crossing, ...] = ()
    for held in all_held:
        limits, meter = held.scope.limits, held.meter
        if limits.tokens_per_minute and spent.tokens != reserved_tokens:
            meter.refill(limits, at)
            meter.tokens = max(0.0, meter.tokens + spent.tokens - reserved_tokens)
        if not cost:
            continue
        for account in held.accounts.values():
            account.spent_usd += cost
        for budget in limits.budgets:
            now = held.accounts[budget.window].spent_usd
            if now - cost <= budget.limit_usd < now:
                crossings = (*crossings, Crossing(held.scope.id, budget, now))
    return crossings


def gauges(all_held: Iterable[Held]) -> tuple[Gauge | None, Gauge | None]:
    """Requests and tokens that are left in the scope that has the fewest; None where nothing bounds them."""
    requests: Gauge | None = None
    tokens: Gauge | None = None
    requests_left = tokens_left = math.inf
    for held in all_held:
        meter = held.meter
        rate = held.scope.limits.requests_per_minute
        if rate and rate - meter.requests < requests_left:
            requests_left = rate - meter.requests
            requests = Gauge(rate, meter.requests, meter.at)
        rate = held.scope.limits.tokens_per_minute
        if rate and rate - meter.tokens < tokens_left:
            tokens_left = rate - meter.tokens
            tokens = Gauge(rate, meter.tokens, meter.at)
    return requests, tokens


def with_gauges(found: Refusal, all_held: Iterable[Held]) -> Refusal:
    requests, tokens = gauges(all_held)
    return replace(found, requests_left=requests, tokens_left=tokens) if requests or tokens else found


def standing_of(held: Held) -> Standing:
    requests, tokens = gauges((held,))
    balances = {
        window: Balance(account.spent_usd, account.reserved_usd) for window, account in held.accounts.items()
    }
    return Standing(held.meter.parallel, requests, tokens, balances)


def _money_refusal(held: Held, ask: Ask, at: float) -> Refusal | None:
    scope = held.scope
    for budget in scope.limits.budgets:
        if not budget.hard:
            continue
        if ask.cost_usd is None:
            if scope.limits.allow_unpriced:
                continue
            return Refusal("unpriced", scope.id, budget.limit_usd, None, _unpriced(scope))
        account = held.accounts[budget.window]
        committed = account.spent_usd + ask.cost_usd
        if committed + account.reserved_usd > budget.limit_usd:
            wait = _SOON_S if committed <= budget.limit_usd else _until(account.end_at, at)
            return Refusal(
                "budget", scope.id, budget.limit_usd, wait, _budget(scope, budget, account, ask.cost_usd)
            )
    return None


def _rate_refusal(held: Held, ask: Ask) -> Refusal | None:
    scope, limits, meter = held.scope, held.scope.limits, held.meter
    bound = limits.parallel_max
    if bound is not None and meter.parallel >= bound:
        message = f"{_whose(scope)} has {bound} requests under way, which is its limit."
        return Refusal("parallel", scope.id, bound, None, message)
    bound = limits.requests_per_minute
    if bound is not None and meter.requests + 1.0 > bound + _ROUNDING:
        wait = (meter.requests + 1.0 - bound) * MINUTE_S / bound
        message = f"{_whose(scope)} is at its limit of {bound} requests a minute."
        return Refusal("requests", scope.id, bound, wait, message)
    bound = limits.tokens_per_minute
    if bound is not None and meter.tokens + ask.tokens > bound + _ROUNDING and ask.tokens:
        fits = ask.tokens <= bound
        wait = (meter.tokens + ask.tokens - bound) * MINUTE_S / bound
        message = (
            f"{_whose(scope)} is at its limit of {bound} tokens a minute; this request asks for {ask.tokens}."
        )
        return Refusal("tokens", scope.id, bound, wait if fits else None, message)
    return None


def _budget(scope: Scope, budget: Budget, account: Account, cost_usd: Decimal) -> str:
    period = "in all" if budget.window is Window.TOTAL else f"a {budget.window.value}"
    state = f"{account.spent_usd:f} are spent and {account.reserved_usd:f} reserved"
    again = (
        ""
        if math.isinf(account.end_at)
        else f" The next {budget.window.value} begins {_date(account.end_at)}."
    )
    return (
        f"{_whose(scope)} has a budget of {budget.limit_usd:f} US dollars {period}: {state}, "
        f"and this request may cost {cost_usd:f}.{again}"
    )


def _unpriced(scope: Scope) -> str:
    return f"{_whose(scope)} has a budget, and the price of this model is not known."


def _whose(scope: Scope) -> str:
    kind, _, name = scope.id.partition("|")[0].partition(":")
    return f"The {kind} {name}" if name else f"The scope {scope.id}"


def _until(end_at: float, at: float) -> float | None:
    return None if math.isinf(end_at) else max(0.0, end_at - at)


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""Scopes and money as the script in Redis reads them, and counters as it answers them. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Final

from foreroute.core.keys import Scope
from foreroute.core.meters import Account, Held, Meter, new_account
from foreroute.core.windows import Window

_PICO: Final = Decimal(10) ** 12
_STATUS_FIELDS: Final = 2
_METER_FIELDS: Final = 4


@dataclass(frozen=True, slots=True)
class Windowed:
    """A scope with its windows that hold one instant."""

    scope: Scope
    accounts: dict[Window, Account]

    def names(self) -> dict[Window, str]:
        return {
            window: account_name(self.scope.id, window, account.start_at)
            for window, account in self.accounts.items()
        }


def windowed(scope: Scope, at: float) -> Windowed:
    zones = {one.window: one.zone for one in scope.limits.budgets}
    return Windowed(scope, {window: new_account(window, at, zone) for window, zone in zones.items()})


def account_name(scope: str, window: Window, start_at: float) -> str:
    return f"{scope}|{window.value}|{start_at:.0f}"


def money_args(usd: Decimal, *, up: bool = False) -> tuple[str, str]:
    """Whole dollars and pico-dollars: rounded up for what is asked for, half-even, as in the ledger, else."""
    pico = int((usd * _PICO).to_integral_value(ROUND_CEILING if up else ROUND_HALF_EVEN))
    dollars, rest = divmod(pico, 10**12)
    return str(dollars), str(rest)


def rounded_up(usd: Decimal) -> Decimal:
    """As it is asked for: to the pico-dollar."""
    return money_of(*money_args(usd, up=True))


def money_of(dollars: str, pico: str) -> Decimal:
    return Decimal(dollars) + Decimal(pico) / _PICO


def scope_args(one: Windowed) -> list[str]:
    limits = one.scope.limits
    bounds = (limits.requests_per_minute, limits.tokens_per_minute, limits.parallel_max)
    args = [one.scope.id, *("-1" if bound is None else str(bound) for bound in bounds)]
    args += ["1" if limits.allow_unpriced else "0", str(len(one.accounts))]
    for window, account in one.accounts.items():
        ends = "1e300" if math.isinf(account.end_at) else repr(account.end_at)
        args += [window.value, f"{account.start_at:.0f}", ends]
    order = list(one.accounts)
    hard = [budget for budget in limits.budgets if budget.hard]
    args.append(str(len(hard)))
    for budget in hard:
        args += [str(order.index(budget.window) + 1), *money_args(budget.limit_usd)]
    return args


def scopes_args(ones: Sequence[Windowed]) -> list[str]:
    return [str(len(ones)), *(arg for one in ones for arg in scope_args(one))]


def read_counters(reply: Sequence[str], ones: Sequence[Windowed], skew_s: float) -> tuple[Held, ...]:
    """The counters of the reply, with instants of this machine: the server's less `skew_s`."""
    held, place = [], _STATUS_FIELDS
    for one in ones:
        at, requests, tokens, parallel = reply[place : place + _METER_FIELDS]
        place += _METER_FIELDS
        meter = Meter(float(at) - skew_s, float(requests), float(tokens), int(parallel))
        for account in one.accounts.values():
            account.spent_usd = money_of(reply[place], reply[place + 1])
            account.reserved_usd = money_of(reply[place + 2], reply[place + 3])
            place += _METER_FIELDS
        held.append(Held(one.scope, meter, one.accounts))
    return tuple(held)

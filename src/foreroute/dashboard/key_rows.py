"""Keys and teams as the API shows them: with what they have spent, and never with salt or digest."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from foreroute.core.ids import KeyId
from foreroute.core.key_json import key_to_dict, limits_to_dict
from foreroute.core.keys import KeyBook, Limits, Team, VirtualKey
from foreroute.core.windows import Window, window_end, window_start
from foreroute.gateway.keyring import PREFIX

Row = dict[str, Any]
Spends = Mapping[Window, Mapping[KeyId, Decimal]]
"""Of the windows that hold one instant, by key."""
_SECRET = ("salt", "digest")


async def spends_at(
    spend: Callable[[float, float], Awaitable[Mapping[KeyId, Decimal]]], at: float
) -> dict[Window, Mapping[KeyId, Decimal]]:
    """To the end of the current hour: that makes them whole hours, which are added up already."""
    end_at = window_end(Window.HOUR, at)
    return {window: await spend(window_start(window, at), end_at) for window in Window}


def key_row(key: VirtualKey, spends: Spends, at: float) -> Row:
    shown = {name: value for name, value in key_to_dict(key).items() if name not in _SECRET}
    shown["hint"] = f"{PREFIX}{key.id}-…{key.hint}"
    shown["state"] = key.closed(at) or "open"
    return shown | _money([key.id], key.limits, spends, at)


def team_row(team: Team, book: KeyBook, spends: Spends, at: float) -> Row:
    """`keys` are those it has, the spend is that of all it ever had."""
    mine = [key for key in book.keys if key.team == team.id]
    return {
        "id": team.id,
        "name": team.name,
        "models": list(team.models),
        "regions": sorted(team.regions),
        "limits": limits_to_dict(team.limits),
        "keys": [key.id for key in mine if key.deleted_at is None],
        "created_at": team.created_at,
        "deleted_at": team.deleted_at,
    } | _money([key.id for key in mine], team.limits, spends, at)


def _money(keys: Iterable[KeyId], limits: Limits, spends: Spends, at: float) -> Row:
    ids = list(keys)
    spent = {
        window: sum((by_key.get(name, Decimal(0)) for name in ids), Decimal(0))
        for window, by_key in spends.items()
    }
    budgets = [
        {
            "window": budget.window.value,
            "start_at": window_start(budget.window, at),
            "end_at": None if budget.window is Window.TOTAL else window_end(budget.window, at),
            "limit_usd": f"{budget.limit_usd:f}",
            "spent_usd": f"{spent[budget.window]:f}",
            "hard": budget.hard,
        }
        for budget in limits.budgets
    ]
    return {"spent_usd": {window.value: f"{usd:f}" for window, usd in spent.items()}, "budgets": budgets}

"""Budgets as JSON. Reading is strict: an unknown or ill-typed field is a BadField that names it. Money is a string."""

import json
from typing import Any, Final

from foreroute.core.budgets import ALERTS_AT, AtLimit, BudgetScope, Origin, ScopedBudget
from foreroute.core.fields import BadField, Fields, flag, one_of, several, text, usd
from foreroute.core.windows import Window, zone_named

Row = dict[str, Any]
_QUEUE_S_MAX: Final = 3600.0
_PARTS_MAX: Final = 10.0


def budget_to_dict(budget: ScopedBudget) -> Row:
    return {
        "name": budget.name,
        "scope": budget.scope.value,
        "of": budget.of,
        "window": budget.window.value,
        "time_zone": budget.time_zone,
        "limit_usd": None if budget.limit_usd is None else f"{budget.limit_usd:f}",
        "hard_limit_usd": None if budget.hard_limit_usd is None else f"{budget.hard_limit_usd:f}",
        "at_limit": budget.at_limit.value,
        "queue_s": budget.queue_s,
        "pace": budget.pace,
        "allow_unpriced": budget.allow_unpriced,
        "alerts_at": list(budget.alerts_at),
        "forecast_alert": budget.forecast_alert,
    }


def budget_from_dict(value: Any, where: str = "") -> ScopedBudget:
    """One that was set at run time. Raises BadField."""
    fields = Fields(value, where, hint='for example {"name": "monthly", "limit_usd": "900"}')
    given: Row = {
        "name": fields.take("name", _name),
        "scope": fields.take("scope", one_of(BudgetScope), BudgetScope.GLOBAL),
        "of": fields.take("of", text(longest=200, empty=True), ""),
        "window": fields.take("window", one_of(Window), Window.MONTH),
        "time_zone": fields.take("time_zone", _zone, "UTC"),
        "limit_usd": fields.take("limit_usd", usd, None),
        "hard_limit_usd": fields.take("hard_limit_usd", usd, None),
        "at_limit": fields.take("at_limit", one_of(AtLimit), AtLimit.THROTTLE),
        "queue_s": fields.take("queue_s", _number(0.0, _QUEUE_S_MAX), 30.0),
        "pace": fields.take("pace", flag, default=True),
        "allow_unpriced": fields.take("allow_unpriced", flag, default=False),
        "alerts_at": tuple(
            sorted(fields.take("alerts_at", several(_number(0.0, _PARTS_MAX), most=20), ALERTS_AT))
        ),
        "forecast_alert": fields.take("forecast_alert", flag, default=True),
    }
    fields.end()
    try:
        return ScopedBudget(**given, origin=Origin.RUN_TIME)
    except ValueError as error:
        raise BadField(where or given["name"], str(error), "see docs/cost.md, Budgets") from None


def budget_bytes(budget: ScopedBudget) -> bytes:
    return json.dumps(budget_to_dict(budget), ensure_ascii=False, separators=(",", ":")).encode()


def read_budget(raw: bytes) -> ScopedBudget:
    try:
        return budget_from_dict(json.loads(raw))
    except ValueError as error:
        raise BadField("", f"is not JSON: {error}") from None


def _name(value: Any, where: str) -> str:
    name = text(longest=100)(value, where)
    if "|" in name:
        raise BadField(where, f"may hold no |, not {name!r}", "for example: monthly")
    return name


def _zone(value: Any, where: str) -> str:
    name = text(longest=64)(value, where)
    try:
        zone_named(name)
    except ValueError as error:
        raise BadField(where, str(error), "for example: UTC or Asia/Seoul") from None
    return name


def _number(least: float, most: float) -> Any:
    def read(value: Any, where: str) -> float:
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not least < value <= most:
            raise BadField(where, f"must be a number over {least:g}, up to {most:g}, not {str(value)[:40]}")
        return float(value)

    return read

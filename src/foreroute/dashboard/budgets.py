"""The API of the house's budgets: all with how they stand, set, and remove. The door must guard `/api/`."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.control.budgets import BudgetWatch
from foreroute.core.budget_json import budget_to_dict
from foreroute.core.budgets import ScopedBudget
from foreroute.core.errors import StoreError
from foreroute.core.fields import BadField
from foreroute.core.findings import BudgetStatus
from foreroute.core.ports import Clock
from foreroute.dashboard.answers import Refusal, body_of, json_of
from foreroute.dashboard.budget_desk import BudgetDesk

Row = dict[str, Any]
Answer = Callable[[Request, Row], Awaitable[Row]]


def budget_routes(desk: BudgetDesk, watch: BudgetWatch, clock: Clock) -> list[Route]:
    api = _BudgetApi(desk, watch, clock)
    return [
        _route("GET", "/api/budgets", api.listed),
        _route("POST", "/api/budgets", api.set),
        _route("DELETE", "/api/budgets/{name:path}", api.remove),
    ]


class _BudgetApi:
    def __init__(self, desk: BudgetDesk, watch: BudgetWatch, clock: Clock) -> None:
        self._desk, self._watch, self._clock = desk, watch, clock

    async def listed(self, _request: Request, _body: Row) -> Row:
        status = {one.name: one for one in self._watch.statuses}
        rows = [
            budget_row(budget, status.get(budget.name) if holds else None, in_force=holds)
            for budget, holds in await self._desk.listed()
        ]
        return {"at": self._clock.now(), "budgets": rows}

    async def set(self, _request: Request, body: Row) -> Row:
        """`name` and what is to be changed; `by`: who wants it."""
        fields = dict(body)
        name, by = _text(fields, "name"), _text(fields, "by", needed=False)
        budget = await self._desk.set(name, fields, by=by)
        await self._watch.update(self._clock.now())
        status = next((one for one in self._watch.statuses if one.name == name), None)
        return budget_row(budget, status, in_force=True)

    async def remove(self, request: Request, body: Row) -> Row:
        name = request.path_params["name"]
        await self._desk.remove(name, by=_text(dict(body), "by", needed=False))
        await self._watch.update(self._clock.now())
        return {"removed": name}


def budget_row(budget: ScopedBudget, status: BudgetStatus | None, *, in_force: bool) -> Row:
    """As it was set, where it comes from, and how it stands; money is text."""
    return budget_to_dict(budget) | {
        "origin": budget.origin.value,
        "in_force": in_force,
        **status_row(status),
    }


def status_row(status: BudgetStatus | None) -> Row:
    """Nulls while nobody has looked at it."""
    pace = None if status is None else status.pace
    return {
        "spent_usd": None if status is None else f"{status.spent_usd:f}",
        "pace_usd": None if pace is None else f"{pace.pace_usd:f}",
        "shadow_price": None if pace is None else pace.price,
        "state": None if status is None else state_of(status),
    }


def state_of(status: BudgetStatus) -> str:
    """`at_limit`: the hard one is spent; `spent`: the soft one; `pacing`: its price moves shares; else `open`."""
    if status.at_hard_limit:
        return "at_limit"
    if status.spent_usd >= status.limit_usd:
        return "spent"
    return "pacing" if status.pace is not None and status.pace.price > 0 else "open"


def _text(fields: Row, name: str, *, needed: bool = True) -> str:
    value = fields.pop(name, None)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not value or len(value) > 100 or not value.isprintable():
        raise BadField(name, "must be one line of 1 to 100 characters", "for example: monthly")
    return value


def _route(method: str, path: str, answer: Answer) -> Route:
    async def handle(request: Request) -> Response:
        try:
            body = await body_of(request) if method != "GET" else {}
            return Response(json_of(await answer(request, body)), media_type="application/json")
        except BadField as error:
            raise Refusal(400, str(error), error.hint) from None
        except StoreError as error:
            raise Refusal(503, str(error), "nothing is wrong with what was sent") from None

    return Route(path, handle, methods=[method])

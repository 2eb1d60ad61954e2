"""The API of budgets: set, changed, removed, refused; each change on record and in force at once."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from foreroute.control.budgets import BudgetSources, BudgetWatch
from foreroute.control.decision_log import AUDIT
from foreroute.core.budgets import BudgetScope, ScopedBudget
from foreroute.core.keys import Role, Team, TeamId
from foreroute.cost.hours import recent_hours
from foreroute.dashboard.answers import refused
from foreroute.dashboard.budget_desk import BudgetDesk, DeskSources
from foreroute.dashboard.budgets import budget_routes
from foreroute.dashboard.door import Door
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.testing.check_store import an_entry
from foreroute.testing.streaming_asgi import stream

AT = 1_772_442_000.0
FILE = (ScopedBudget(name="monthly", limit_usd=Decimal(900), hard_limit_usd=Decimal(1000)),)


class Room:
    def __init__(self) -> None:
        self.store = MemoryStore(merge_rollups)
        self.at = AT
        self.told: list[Mapping[str, Decimal]] = []
        self.in_force: list[Sequence[ScopedBudget]] = []
        self.watch = BudgetWatch(
            BudgetSources(
                of_file=FILE,
                store=self.store.budgets,
                costs=self.store.costs,
                hours=lambda at: recent_hours(self.store.costs, at),
                price=lambda _: lambda __, ___: None,
                publish=self._hear,
                wait=True,
            )
        )
        desk = BudgetDesk(
            DeskSources(
                of_file=FILE,
                known={BudgetScope.ROUTE: ["chat"], BudgetScope.CHANNEL: ["one"]},
                time_zone="Asia/Seoul",
                store=self.store.budgets,
                keys=self.store.keys,
                records=self.store.records,
                clock=self,
            )
        )
        routes = budget_routes(desk, self.watch, self)
        app = Starlette(routes=routes, exception_handlers={HTTPException: refused})
        roles = {"reader": Role.READ, "boss": Role.ADMIN}
        self.door = Door(app, admin_key="admin", role_of=roles.get)

    def _hear(self, budgets: Sequence[ScopedBudget], spends: Mapping[str, Decimal], at: float) -> None:
        assert AT <= at < AT + 1.0
        self.in_force.append(budgets)
        self.told.append(spends)

    def now(self) -> float:
        self.at += 0.001
        return self.at

    async def sleep_until(self, at: float) -> None:
        raise NotImplementedError

    async def ask(self, method: str, path: str, body: Any = None, *, key: str = "boss") -> tuple[int, Any]:
        sent = {
            "host": "127.0.0.1",
            "content-type": "application/json",
            "authorization": f"Bearer {key}",
        }
        raw = b"" if body is None else orjson.dumps(body)
        async with stream(self.door, method, path, headers=sent, body=raw) as answer:
            return answer.status, orjson.loads(await answer.read())

    async def audit(self) -> list[tuple[str, str]]:
        rows = [orjson.loads(one.body) for one in await self.store.records.read(AUDIT)]
        return [(row["action"], row["detail"]) for row in rows]


@pytest.fixture
def room() -> Room:
    return Room()


async def test_a_budget_is_set_changed_listed_and_removed(room: Room) -> None:
    await room.store.ledger.append([an_entry(1, cost="3.5", at=AT - 60.0)])
    body = {"name": "daily/chat", "scope": "route", "of": "chat", "window": "day", "hard_limit_usd": "10"}
    status, made = await room.ask("POST", "/api/budgets", body | {"at_limit": "402", "by": "ann"})
    assert status == 200, made
    assert (made["origin"], made["in_force"], made["state"], made["time_zone"]) == (
        "run time",
        True,
        "open",
        "Asia/Seoul",
    )
    assert [one.name for one in room.in_force[-1]] == ["monthly", "daily/chat"], "the gateway knows at once"
    status, changed = await room.ask("POST", "/api/budgets", {"name": "daily/chat", "limit_usd": "8"})
    assert (changed["limit_usd"], changed["hard_limit_usd"], changed["at_limit"]) == ("8", "10", "402")
    _, listed = await room.ask("GET", "/api/budgets", key="reader")
    assert [(one["name"], one["origin"], one["spent_usd"]) for one in listed["budgets"]] == [
        ("monthly", "file", "3.5"),
        ("daily/chat", "run time", listed["budgets"][1]["spent_usd"]),
    ]
    status, gone = await room.ask("DELETE", "/api/budgets/daily/chat", {"by": "bob"})
    assert (status, gone) == (200, {"removed": "daily/chat"})
    assert [one.name for one in room.in_force[-1]] == ["monthly"]
    assert await room.store.budgets.read() == ()
    notes = await room.audit()
    assert ("budget_rm", "daily/chat by bob") in notes
    assert any(action == "budget_set" and "by ann" in detail for action, detail in notes)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"name": "x"}, 400, "a limit_usd, a hard_limit_usd, or both"),
        ({"limit_usd": "1"}, 400, "name: must be one line"),
        ({"name": "x", "limit_usd": "-1"}, 400, "limit_usd: must be from 0 to"),
        ({"name": "x", "limit_usd": "0"}, 400, "more than 0"),
        ({"name": "x", "limit_usd": "1", "scope": "planet"}, 400, "scope: there is no 'planet'"),
        ({"name": "x", "limit_usd": "1", "limit": 2}, 400, "limit: there is no such field"),
        ({"name": "x", "limit_usd": "1", "scope": "route", "of": "chatt"}, 400, "no route 'chatt'"),
        ({"name": "x", "limit_usd": "1", "scope": "team", "of": "blue"}, 400, "no team 'blue'"),
        ({"name": "x", "limit_usd": "1", "time_zone": "Mars"}, 400, "no time zone 'Mars'"),
        ({"name": "monthly", "limit_usd": "1"}, 409, "is in the configuration file"),
        ({"name": "x", "limit_usd": "1"}, 409, "'monthly' counts the same: all, a month"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_reason(
    room: Room, body: dict[str, Any], status: int, said: str
) -> None:
    found, answer = await room.ask("POST", "/api/budgets", body)
    assert (found, said in answer["error"]["message"]) == (status, True), answer
    assert await room.store.budgets.read() == ()
    assert await room.audit() == []


async def test_a_team_that_exists_may_have_one(room: Room) -> None:
    await room.store.keys.put_team(Team(id=TeamId("blue"), name="Blue", created_at=0.0))
    status, _ = await room.ask(
        "POST", "/api/budgets", {"name": "x", "limit_usd": "1", "scope": "team", "of": "blue"}
    )
    assert status == 200


async def test_who_may_only_look_changes_nothing_and_what_is_not_there_is_not_removed(room: Room) -> None:
    body = {"name": "x", "limit_usd": "1", "window": "day"}
    assert (await room.ask("POST", "/api/budgets", body, key="reader"))[0] == 403
    assert (await room.ask("POST", "/api/budgets", body, key="nobody"))[0] == 401
    assert (await room.ask("DELETE", "/api/budgets/x", {}))[0] == 404
    status, answer = await room.ask("DELETE", "/api/budgets/monthly", {})
    assert (status, answer["error"]["message"]) == (409, "the budget 'monthly' is in the configuration file")

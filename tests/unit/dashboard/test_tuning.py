"""The API of tuned limits, on a desk whose tuner knows a channel."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from bench.tune.arena import CHANNEL, Arena, World
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from foreroute.control.tuning import TuningDesk, TuningSettings
from foreroute.core.ids import RouteName
from foreroute.core.limits import Parameter
from foreroute.core.plan import CallPolicy, Route, RoutingPlan, Target, Timeouts
from foreroute.dashboard.answers import refused
from foreroute.dashboard.tuning import tuning_routes
from foreroute.heal.tuning.rails import Rails
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.testing.streaming_asgi import stream

AT = 1_750_000_000.0
POLICY = CallPolicy(timeouts=Timeouts(first_chunk_s=6.0))
Ask = Callable[..., Awaitable[tuple[int, Any]]]


class Now:
    def now(self) -> float:
        return AT

    async def sleep_until(self, at: float) -> None: ...


def asker(desk: TuningDesk | None, store: MemoryStore) -> Ask:
    app = Starlette(
        routes=tuning_routes(desk, store.records, Now()), exception_handlers={HTTPException: refused}
    )

    async def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        raw = b"" if body is None else orjson.dumps(body)
        headers = {"content-type": "application/json"}
        async with stream(app, method, path, headers=headers, body=raw) as answer:
            return answer.status, orjson.loads(await answer.read())

    return ask


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(merge_rollups)


def desk(*, act: bool = True) -> TuningDesk:
    rails = Rails(
        parameters=frozenset({Parameter.FIRST_CHUNK}),
        tighten_every_s=60.0,
        canary_s_min=120.0,
        canary_samples_min=20,
        young_samples_min=200,
    )
    arena = Arena(World(per_minute=60), rails=rails, policy=POLICY, act=lambda _: act).run(20)
    route = Route(name=RouteName("chat"), targets=(Target(channel=CHANNEL, weight=1.0, policy=POLICY),))
    plan = RoutingPlan(version=0, made_at=0.0, valid_until=0.0, routes={route.name: route})
    made = TuningDesk(arena.tuner, TuningSettings(), plan)
    assert arena.last is not None
    made.views = arena.last.views
    made.history.extend(arena.changes)
    return made


async def test_it_tells_everything_of_a_parameter(store: MemoryStore) -> None:
    status, body = await asker(desk(), store)("GET", "/api/tuning")
    assert status == 200
    (row,) = body["parameters"]
    assert (row["channel"], row["parameter"], row["unit"]) == ("a", "first_chunk", "s")
    assert row["configured"] == {"value": 6.0}
    assert row["current"]["value"] < 6.0
    assert row["reason"]
    assert row["evidence"]["samples"] > 100
    assert row["undo"] == "foreroute heal tune --reset a first_chunk"
    assert {one["event"] for one in body["history"]} >= {"canary", "promoted"}
    assert body["history"][0]["at"] >= body["history"][-1]["at"]


async def test_a_reset_is_done_at_once_and_on_record(store: MemoryStore) -> None:
    made = desk()
    told: list[object] = []
    made.publish = told.append
    ask = asker(made, store)
    status, body = await ask("POST", "/api/tuning/a/first_chunk", {"do": "reset", "reason": "a test"})
    assert (status, body["done"]) == (200, "reset")
    assert told == [{}]
    assert [orjson.loads(one.body)["event"] for one in await store.records.read("tuning")] == ["reset"]
    (audit,) = await store.records.read("audit")
    assert orjson.loads(audit.body)["detail"] == "reset a first_chunk (a test)"
    status, body = await ask("POST", "/api/tuning/a/first_chunk", {"do": "reset"})
    assert (status, body["error"]["message"]) == (409, "first_chunk of a is as configured")
    row = (await ask("GET", "/api/tuning?channel=a"))[1]["parameters"][0]
    assert (row["tuned"], row["current"], row["undo"]) == (False, {"value": 6.0}, None)


async def test_a_yes_is_taken_where_one_is_waited_for(store: MemoryStore) -> None:
    ask = asker(desk(act=False), store)
    assert (await ask("POST", "/api/tuning/a/first_chunk", {"do": "approve"}))[0] == 200
    assert (await asker(desk(), store)("POST", "/api/tuning/a/first_chunk", {"do": "approve"}))[0] == 409


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/api/tuning/nobody/total", {"do": "reset"}, 404, "there is no channel"),
        ("/api/tuning/a/speed", {"do": "reset"}, 404, "has no parameter"),
        ("/api/tuning/a/retry_ratio", {"do": "reset"}, 404, "has no parameter"),
        ("/api/tuning/a/total", {"do": "more"}, 400, "approve, reset"),
        ("/api/tuning/a/total", {}, 400, "do"),
        ("/api/tuning/a/total", {"do": "reset", "now": True}, 400, "no such field"),
    ],
)
async def test_what_is_wrong_is_said(
    path: str, body: Any, status: int, said: str, store: MemoryStore
) -> None:
    answered, row = await asker(desk(), store)("POST", path, body)
    assert answered == status
    assert said in row["error"]["message"]


async def test_where_nothing_is_tuned_it_says_so(store: MemoryStore) -> None:
    ask = asker(None, store)
    assert (await ask("GET", "/api/tuning"))[1]["enabled"] is False
    assert (await ask("POST", "/api/tuning/a/total", {"do": "reset"}))[0] == 409

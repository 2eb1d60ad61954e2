"""The API of alerts behind its door: what it shows, who may change what, and that changes are on record."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from foreroute.alerts.delivery import NotSent
from foreroute.alerts.desk import AlertDesk
from foreroute.alerts.evidence import Evidence, Traffic
from foreroute.alerts.outbox import Outbox
from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.values import Notice
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Findings, Incident
from foreroute.core.ids import ChannelId, IncidentId, RegionId
from foreroute.core.keys import Role
from foreroute.dashboard.alerts import alert_routes
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.testing.streaming_asgi import stream

AT = 1_772_442_000.0
ADMIN, LOOK = "the-admin-key", "look"


@dataclass
class Ear:
    kind: str = "test"
    error: NotSent | None = None
    told: list[Notice] = field(default_factory=list)

    async def send(self, notice: Notice) -> None:
        if self.error is not None:
            raise self.error
        self.told.append(notice)

    async def aclose(self) -> None:
        pass


class Room:
    def __init__(self) -> None:
        self.at = AT
        self.store = MemoryStore(merge_rollups)
        self.ear = Ear()
        outbox = Outbox({"me": self.ear}, self.store.records, self, Random(1))
        self.desk: AlertDesk | None = AlertDesk(
            AlertSettings(receivers=("me",)), self.store.records, outbox, self
        )

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        self.at = at

    async def tick(self, *bad: str) -> None:
        self.at += 60.0
        assert self.desk is not None
        names = ("a", "b", "c")
        channels = tuple(
            Channel(
                id=ChannelId(n),
                provider="p",
                cloud="p",
                region=RegionId("us"),
                model="m",
                base_url="http://x",
            )
            for n in names
        )
        incidents = tuple(
            Incident(
                id=IncidentId(n),
                channel=ChannelId(n),
                opened_at=AT,
                root_cause=FailureClass.SERVER_ERROR,
                probability=1.0,
                evidence="bad",
            )
            for n in bad
        )
        traffic = {one.id: Traffic(attempts_per_minute=40.0, failure_ratio=0.5) for one in channels}
        await self.desk.update(
            Evidence(
                at=self.at,
                tick_s=60.0,
                channels=channels,
                findings=Findings(incidents=incidents),
                traffic=traffic,
            )
        )

    async def ask(
        self, method: str, path: str, body: Any = None, key: str = ADMIN, **more: str
    ) -> tuple[int, Any]:
        routes = alert_routes(self.desk, self.store.records, self)
        app = Starlette(routes=routes, exception_handlers={HTTPException: refused})
        door = Door(app, admin_key=ADMIN, role_of={LOOK: Role.READ}.get)
        headers = {"host": "127.0.0.1", "authorization": f"Bearer {key}"} | more
        if method != "GET":
            headers.setdefault("content-type", "application/json")
        raw = orjson.dumps(body if body is not None else {}) if method != "GET" else b""
        async with stream(door, method, path, headers=headers, body=raw) as answer:
            return answer.status, orjson.loads(await answer.read())

    async def audit(self) -> list[str]:
        return [orjson.loads(one.body)["action"] for one in await self.store.records.read("audit")]

    async def alert(self) -> Any:
        _, body = await self.ask("GET", "/api/alerts")
        return body["alerts"][0]


@pytest_asyncio.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    assert made.desk is not None
    await made.desk.start()
    yield made
    if made.desk is not None:
        await made.desk.outbox.aclose()


async def test_it_shows_what_is_open_and_who_is_told(room: Room) -> None:
    await room.tick("a")
    status, body = await room.ask("GET", "/api/alerts")
    assert status == 200
    [alert] = body["alerts"]
    assert (alert["state"], alert["severity"], alert["labels"]["channel"]) == ("firing", "critical", "a")
    assert alert["duration_s"] == 60.0
    assert alert["impact"]["requests_per_minute"] == pytest.approx(19.6)
    assert body["receivers"][0]["name"] == "me"
    status, one = await room.ask("GET", f"/api/alerts/{alert['id']}")
    assert status == 200
    assert one["deliveries"] == []
    _, none = await room.ask("GET", "/api/alerts?state=resolved")
    assert none["alerts"] == []


async def test_an_alert_is_acknowledged_and_that_is_taken_back(room: Room) -> None:
    await room.tick("a")
    name = (await room.alert())["id"]
    status, body = await room.ask("POST", f"/api/alerts/{name}/ack", {"by": "ann"})
    assert (status, body["state"], body["acknowledged_by"]) == (200, "acknowledged", "ann")
    _, body = await room.ask("POST", f"/api/alerts/{name}/ack", {"undo": True})
    assert body["state"] == "firing"
    assert await room.audit() == ["alert_ack", "alert_unack"]


async def test_feedback_moves_the_factor_and_is_taken_back(room: Room) -> None:
    await room.tick("a")
    path = f"/api/alerts/{(await room.alert())['id']}/feedback"
    _, body = await room.ask("POST", path, {"vote": "noise"})
    assert (body["feedback"], body["threshold_factor"]) == ("noise", pytest.approx(1.3))
    _, body = await room.ask("POST", path, {"vote": "useful"})
    assert (body["feedback"], body["threshold_factor"]) == ("useful", pytest.approx(1 / 1.3))
    _, body = await room.ask("POST", path, {"vote": "undo"})
    assert (body["feedback"], body["threshold_factor"]) == (None, 1.0)


async def test_a_silence_is_made_seen_and_ended(room: Room) -> None:
    await room.tick("a")
    status, made = await room.ask(
        "POST",
        "/api/silences",
        {"matchers": ["channel=a"], "duration": "1h", "author": "ann", "comment": "known"},
    )
    assert (status, made["state"], made["end_at"]) == (201, "active", room.at + 3600.0)
    assert (await room.alert())["state"] == "silenced"
    _, body = await room.ask("GET", "/api/silences", key=LOOK)
    assert [one["comment"] for one in body["silences"]] == ["known"]
    status, ended = await room.ask("DELETE", f"/api/silences/{made['id']}")
    assert (status, ended["state"]) == (200, "ended")
    assert (await room.alert())["state"] == "firing"
    assert (await room.ask("DELETE", f"/api/silences/{made['id']}"))[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        {}, {"matchers": ["channel=a"]}, {"matchers": [], "duration": "1h"}, {"matchers": ["x"], "duration": "1h"},
        {"matchers": ["channel=a"], "duration": "an hour"}, {"matchers": ["channel=a"], "duration": "90d"},
        {"matchers": ["channel=a"], "duration": "1h", "end_at": AT + 9e3}, {"matchers": ["channel=a"], "end_at": 5},
        {"matchers": ["channel=a"], "duration": "1h", "more": 1}, {"matchers": "channel=a", "duration": "1h"},
        {"matchers": ["channel=a"], "duration": "1h", "comment": "x" * 301},
    ],
)  # fmt: skip
async def test_a_silence_that_makes_no_sense_is_refused(room: Room, body: Any) -> None:
    status, answer = await room.ask("POST", "/api/silences", body)
    assert status == 400
    assert answer["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/alerts/{}/ack", {}), ("POST", "/api/alerts/{}/feedback", {"vote": "noise"}),
        ("POST", "/api/silences", {"matchers": ["channel=a"], "duration": "1h"}), ("DELETE", "/api/silences/x", {}),
        ("POST", "/api/receivers/me/test", {}),
    ],
)  # fmt: skip
async def test_who_may_change_something(room: Room, method: str, path: str, body: Any) -> None:
    await room.tick("a")
    path = path.format((await room.alert())["id"])
    assert (await room.ask(method, path, body, key="nobody"))[0] == 401
    assert (await room.ask(method, path, body, key=LOOK))[0] == 403
    assert (await room.ask(method, path, body, origin="http://evil.example"))[0] == 403
    assert (await room.ask(method, path, body, **{"content-type": "text/plain"}))[0] == 415
    assert await room.audit() == []


async def test_a_reader_may_look(room: Room) -> None:
    await room.tick("a")
    assert (await room.ask("GET", "/api/alerts", key=LOOK))[0] == 200
    assert (await room.ask("GET", "/api/alerts", key="nobody"))[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/alerts/none", None, 404), ("POST", "/api/alerts/none/ack", {}, 404),
        ("POST", "/api/alerts/none/feedback", {"vote": "noise"}, 404), ("DELETE", "/api/silences/none", {}, 404),
        ("POST", "/api/receivers/none/test", {}, 404), ("GET", "/api/alerts?state=odd", None, 400),
        ("POST", "/api/alerts/none/feedback", {"vote": "maybe"}, 400), ("POST", "/api/alerts/none/ack", {"by": 5}, 400),
    ],
)  # fmt: skip
async def test_what_does_not_exist_or_makes_no_sense(
    room: Room, method: str, path: str, body: Any, status: int
) -> None:
    got, answer = await room.ask(method, path, body)
    assert got == status
    assert answer["error"]["message"]


async def test_a_test_message_is_sent_now_or_says_why_not(room: Room) -> None:
    assert (await room.ask("POST", "/api/receivers/me/test"))[0] == 200
    assert [notice.reason.value for notice in room.ear.told] == ["test"]
    room.ear.error = NotSent("it answers 403", for_good=True)
    status, answer = await room.ask("POST", "/api/receivers/me/test")
    assert status == 502
    assert "it answers 403" in answer["error"]["message"]


async def test_switched_off_it_says_so(room: Room) -> None:
    assert room.desk is not None
    await room.desk.outbox.aclose()
    room.desk = None
    status, body = await room.ask("GET", "/api/alerts")
    assert (status, body["enabled"], body["alerts"]) == (200, False, [])
    assert (await room.ask("POST", "/api/alerts/x/ack"))[0] == 409


async def test_what_needs_somebody_stands_first(room: Room) -> None:
    await room.tick("a")
    assert room.desk is not None
    first = await room.alert()
    await room.desk.acknowledge(first["id"], by="")
    await room.tick("a", "b")
    _, body = await room.ask("GET", "/api/alerts")
    states = [one["state"] for one in body["alerts"]]
    assert states == sorted(
        states, key=["firing", "acknowledged", "pending", "silenced", "explained", "resolved"].index
    )

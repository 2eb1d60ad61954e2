"""The API of keys and teams: made, changed, rotated, deleted, and never telling a secret twice."""

import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from foreroute.core.errors import StoreUnavailable
from foreroute.core.ids import KeyId
from foreroute.core.keys import KeyBook
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.dashboard.key_desk import KeySources
from foreroute.dashboard.keys import key_routes
from foreroute.gateway.keyring import Keyring, Known, Refused
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.testing.check_store import an_entry
from foreroute.testing.streaming_asgi import stream

AT = 1_772_442_000.0
"""Monday 2026-03-02 09:00 UTC."""


@dataclass
class Room:
    """Keys behind a door."""

    store: MemoryStore = field(default_factory=lambda: MemoryStore(merge_rollups))
    at: float = AT
    admin_key: str | None = None
    changes: list[KeyBook] = field(default_factory=list)

    def __post_init__(self) -> None:
        sources = KeySources(
            store=self.store.keys,
            spend=lambda start, end: self.store.key_spend.spend_by_key(start_at=start, end_at=end),
            records=self.store.records,
            clock=self,
            rng_bytes=Random(5).randbytes,
            changed=lambda: self.changes.append(self.book),
        )
        app = Starlette(routes=key_routes(sources), exception_handlers={HTTPException: refused})
        self.door = Door(app, admin_key=self.admin_key)

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        self.at = at

    @property
    def book(self) -> KeyBook:
        keys, teams = self.store.keys._keys, self.store.keys._teams
        return KeyBook(tuple(keys.values()), tuple(teams.values()))

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        sent = {"host": "127.0.0.1", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        async with stream(self.door, method, path, headers=sent, body=raw) as answer:
            text = await answer.read()
        assert b'"digest"' not in text
        assert b'"salt"' not in text
        return answer.status, orjson.loads(text) if text[:1] == b"{" else {}

    async def good(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        status, answer = await self.ask(method, path, body)
        assert status in (200, 201), answer
        return answer

    async def bad(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        before, changes = self.book, len(self.changes)
        status, answer = await self.ask(method, path, body)
        assert status >= 400, answer
        assert (self.book, len(self.changes)) == (before, changes), "a refusal changes nothing"
        return status, answer["error"]["message"]

    async def spend(self, key: str, cost: str, at: float, number: int = 1) -> None:
        entry = an_entry(request=f"{key}-{number}", at=at, cost=cost)
        await self.store.ledger.append([replace(entry, attempt=replace(entry.attempt, key_id=KeyId(key)))])


@pytest.fixture
def room() -> Room:
    return Room()


BUDGET = {"limit_usd": "10", "window": "day"}


async def test_a_key_is_made_shown_once_in_full_and_works(room: Room) -> None:
    fields = {
        "name": "Ann", "models": ["gpt-*"], "tags": ["web"], "expires_in": "30d",
        "limits": {"requests_per_minute": 60, "budgets": [BUDGET]},
    }  # fmt: skip
    status, made = await room.ask("POST", "/api/keys", fields)
    assert status == 201
    plaintext = made.pop("key")
    assert plaintext.startswith(f"sk-fr-{made['id']}-")
    assert made["hint"] == f"sk-fr-{made['id']}-…{plaintext[-4:]}"
    assert (made["name"], made["state"], made["role"], made["expires_at"]) == (
        "Ann",
        "open",
        "call",
        AT + 30 * 86400,
    )
    assert made["budgets"] == [
        {
            "window": "day", "start_at": AT - 9 * 3600, "end_at": AT + 15 * 3600, "limit_usd": "10", "spent_usd": "0",
            "hard": True,
        }
    ]  # fmt: skip
    for path in ("/api/keys", f"/api/keys/{made['id']}"):
        text = json.dumps(await room.good("GET", path))
        assert plaintext not in text
        assert plaintext.rpartition("-")[2] not in text
    assert await room.good("GET", f"/api/keys/{made['id']}") == made
    assert (await room.good("GET", "/api/keys"))["keys"] == [made]
    assert isinstance(Keyring(room.changes[-1]).find(plaintext, AT), Known), "stored before it is told"


async def test_a_change_changes_what_is_given_and_nothing_else(room: Room) -> None:
    made = await room.good(
        "POST", "/api/keys", {"name": "a", "limits": {"parallel_max": 3, "budgets": [BUDGET]}}
    )
    name = made["id"]
    changed = await room.good(
        "PATCH",
        f"/api/keys/{name}",
        {"limits": {"requests_per_minute": 5, "parallel_max": None}, "disabled": True},
    )
    assert changed["limits"] == {
        "requests_per_minute": 5, "tokens_per_minute": None, "parallel_max": None,
        "budgets": [BUDGET | {"hard": True}], "allow_unpriced": False,
    }  # fmt: skip
    assert (changed["state"], changed["name"], changed["hint"]) == ("disabled", "a", made["hint"])
    assert isinstance(Keyring(room.changes[-1]).find(made["key"], AT), Refused)
    await room.good("PATCH", f"/api/keys/{name}", {"disabled": False, "expires_at": AT + 5})
    room.at += 6
    assert (await room.good("GET", f"/api/keys/{name}"))["state"] == "expired"
    again = await room.good("PATCH", f"/api/keys/{name}", {"name": "still expired"})
    assert again["state"] == "expired"
    assert (await room.good("PATCH", f"/api/keys/{name}", {"expires_at": None}))["state"] == "open"


async def test_rotating_ends_the_old_secret_and_tells_the_new_one(room: Room) -> None:
    made = await room.good("POST", "/api/keys", {"name": "a", "tags": ["x"]})
    rotated = await room.good("POST", f"/api/keys/{made['id']}/rotate", {})
    assert rotated["key"] != made["key"]
    assert (rotated["id"], rotated["tags"]) == (made["id"], ["x"])
    ring = Keyring(room.changes[-1])
    assert isinstance(ring.find(rotated["key"], AT), Known)
    assert ring.find(made["key"], AT) == Refused("unknown")


async def test_a_deleted_key_is_gone_but_its_spend_is_not(room: Room) -> None:
    made = await room.good("POST", "/api/keys", {"name": "a"})
    await room.spend(made["id"], "2.50", AT - 60)
    assert await room.good("DELETE", f"/api/keys/{made['id']}") == {"deleted": [made["id"]]}
    assert (await room.good("GET", "/api/keys"))["keys"] == []
    assert Keyring(room.changes[-1]).find(made["key"], AT) == Refused("unknown")
    (gone,) = (await room.good("GET", "/api/keys?deleted=true"))["keys"]
    assert (gone["state"], gone["deleted_at"], gone["spent_usd"]["day"]) == ("deleted", AT, "2.5")
    assert room.book.keys[0].digest == b""
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
        status, said = await room.bad(
            method, f"/api/keys/{made['id']}{path}", {} if method != "GET" else None
        )
        assert (status, said) == (404, f"there is no key '{made['id']}'")


async def test_spend_is_that_of_the_windows_that_are_now(room: Room) -> None:
    made = await room.good("POST", "/api/keys", {"name": "a", "limits": {"budgets": [BUDGET]}})
    for number, (ago_s, cost) in enumerate(
        [(1, "0.1"), (3 * 3600, "0.2"), (30 * 3600, "0.4"), (80 * 86400, "0.8")]
    ):
        await room.spend(made["id"], cost, AT - ago_s, number)
    await room.spend("somebody", "99", AT - 1)
    shown = await room.good("GET", f"/api/keys/{made['id']}")
    assert shown["spent_usd"] == {"hour": "0", "day": "0.3", "week": "0.3", "month": "0.7", "total": "1.5"}
    assert shown["budgets"][0]["spent_usd"] == "0.3"


async def test_a_team_spends_what_all_its_keys_ever_spent(room: Room) -> None:
    team = await room.good("POST", "/api/teams", {"name": "red", "limits": {"budgets": [BUDGET]}})
    one, two = [await room.good("POST", "/api/keys", {"name": n, "team": team["id"]}) for n in "ab"]
    await room.spend(one["id"], "1", AT - 60)
    await room.spend(two["id"], "2", AT - 60)
    assert (await room.bad("DELETE", f"/api/teams/{team['id']}")) == (409, "the team has 2 keys")
    await room.good("DELETE", f"/api/keys/{one['id']}")
    shown = await room.good("GET", f"/api/teams/{team['id']}")
    assert (shown["keys"], shown["spent_usd"]["day"], shown["budgets"][0]["spent_usd"]) == (
        [two["id"]],
        "3",
        "3",
    )
    changed = await room.good("PATCH", f"/api/teams/{team['id']}", {"name": "blue", "models": ["a"]})
    assert (changed["name"], changed["models"], changed["budgets"]) == ("blue", ["a"], shown["budgets"])
    assert (await room.good("GET", "/api/teams"))["teams"] == [changed]
    await room.good("DELETE", f"/api/keys/{two['id']}")
    assert await room.good("DELETE", f"/api/teams/{team['id']}") == {"deleted": [team["id"]]}
    assert (await room.good("GET", "/api/teams"))["teams"] == []
    assert len((await room.good("GET", "/api/teams?deleted=true"))["teams"]) == 1
    assert (await room.bad("GET", f"/api/teams/{team['id']}"))[0] == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "name: is missing"),
        ({"name": ""}, "name: must be one line of 1 to 100 characters, not ''"),
        ({"name": "a", "id": "mine"}, "id: there is no such field, or it cannot be set"),
        ({"name": "a", "digest": "00"}, "digest: there is no such field, or it cannot be set"),
        ({"name": "a", "created_at": 1}, "created_at: there is no such field, or it cannot be set"),
        ({"name": "a", "limits": {"rpm": 1}}, "limits.rpm: there is no such field"),
        ({"name": "a", "limits": 5}, "limits: must be an object, not a number"),
        ({"name": "a", "team": "none"}, "team: there is no team 'none'"),
        ({"name": "a", "expires_at": AT}, "expires_at: is in the past"),
        ({"name": "a", "expires_in": "soon"}, "expires_in: 'soon' is not a duration"),
        ({"name": "a", "expires_in": "0d"}, "expires_in: '0d' is not a duration"),
        ({"name": "a", "expires_in": 5}, "expires_in: that is not a duration"),
        ({"name": "a", "expires_in": "999999999w"}, "expires_at: must be seconds since the epoch"),
        (
            {"name": "a", "expires_in": "1d", "expires_at": AT + 5},
            "expires_in: cannot stand beside expires_at",
        ),
        (b"{", "the body is not JSON"),
        (b"[]", "the body must be a JSON object"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(room: Room, body: Any, said: str) -> None:
    status, message = await room.bad("POST", "/api/keys", body)
    assert status == 400
    assert message.startswith(said)


async def test_a_key_stays_in_its_team(room: Room) -> None:
    team = (await room.good("POST", "/api/teams", {"name": "red"}))["id"]
    key = (await room.good("POST", "/api/keys", {"name": "a", "team": team}))["id"]
    for other in (None, "blue"):
        assert await room.bad("PATCH", f"/api/keys/{key}", {"team": other}) == (
            400,
            "team: a key stays in its team",
        )
    await room.good("PATCH", f"/api/keys/{key}", {"team": team})


async def test_changes_are_on_record_without_what_people_wrote(room: Room) -> None:
    key = await room.good("POST", "/api/keys", {"name": "Ann Private"})
    room.at += 1
    await room.good("POST", f"/api/keys/{key['id']}/rotate", {})
    records = await room.store.records.read("audit")
    assert [json.loads(record.body)["action"] for record in records] == ["key_create", "key_rotate"]
    assert json.loads(records[0].body)["detail"] == f"{key['id']} name"


async def test_a_store_that_is_away_is_said_to_be(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: object) -> None:
        raise StoreUnavailable("store.db cannot grow: the disk is full")

    monkeypatch.setattr(room.store.keys, "put", fail)
    assert await room.bad("POST", "/api/keys", {"name": "a"}) == (
        503,
        "store.db cannot grow: the disk is full",
    )


PATHS = [
    ("GET", "/api/keys"), ("POST", "/api/keys"), ("GET", "/api/keys/x"), ("PATCH", "/api/keys/x"),
    ("DELETE", "/api/keys/x"), ("POST", "/api/keys/x/rotate"), ("GET", "/api/teams"), ("POST", "/api/teams"),
    ("GET", "/api/teams/x"), ("PATCH", "/api/teams/x"), ("DELETE", "/api/teams/x"), ("POST", "/key/generate"),
    ("GET", "/key/info"), ("POST", "/key/update"), ("POST", "/key/delete"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_nothing_is_open_without_the_admin_key_or_to_another_origin(method: str, path: str) -> None:
    room = Room(admin_key="secret")
    for headers in ({}, {"authorization": "Bearer wrong"}):
        assert (await room.ask(method, path, {}, **headers))[0] == 401
    with_key = {"authorization": "Bearer secret"}
    assert (await room.ask(method, path, {}, **with_key))[0] != 401
    if method != "GET":
        assert (await room.ask(method, path, {}, origin="http://evil.example", **with_key))[0] == 403
        assert (await room.ask(method, path, {}, **with_key | {"content_type": "text/plain"}))[0] == 415


async def test_there_is_no_other_way_to_the_same_routes() -> None:
    room = Room(admin_key="secret")
    for path in ("//key/generate", "/KEY/generate", "/key/generate/", "/x/../key/generate", "/key"):
        status, _ = await room.ask("POST", path, {})
        assert status in (307, 401, 404, 405)
        assert room.book.keys == ()


# Under the names of others -----------------------------------------------------------------------------------------


async def test_a_key_by_the_names_that_litellm_gave(room: Room) -> None:
    team = (await room.good("POST", "/api/teams", {"name": "red"}))["id"]
    made = await room.good(
        "POST",
        "/key/generate",
        {
            "models": ["gpt-4o", "claude-*"], "max_budget": 10.5, "soft_budget": 8, "budget_duration": "30d", "rpm_limit": 60,
            "tpm_limit": 40000, "max_parallel_requests": 3, "duration": "30d", "metadata": {"tags": ["web"]},
            "team_id": team, "key_alias": "ann", "blocked": None,
        },
    )  # fmt: skip
    await room.spend(made["token"], "1.25", AT - 5)
    expected = {
        "key_alias": "ann", "models": ["gpt-4o", "claude-*"], "team_id": team, "max_budget": 10.5, "soft_budget": 8.0,
        "budget_duration": "1mo", "spend": 1.25, "rpm_limit": 60, "tpm_limit": 40000, "max_parallel_requests": 3,
        "metadata": {"tags": ["web"]}, "blocked": False, "expires": "2026-04-01T09:00:00+00:00",
    }  # fmt: skip
    for name in (made["key"], made["token"]):
        info = (await room.good("GET", f"/key/info?key={name}"))["info"]
        assert {field: info[field] for field in expected} == expected
    shown = await room.good("GET", f"/api/keys/{made['token']}")
    assert [(one["window"], one["limit_usd"], one["hard"]) for one in shown["budgets"]] == [
        ("month", "10.5", True),
        ("month", "8", False),
    ]


@pytest.mark.parametrize(
    ("duration", "window"),
    [
        ("1h", "hour"),
        ("60m", "hour"),
        ("24h", "day"),
        ("1d", "day"),
        ("7d", "week"),
        ("1mo", "month"),
        (None, "total"),
    ],
)
async def test_budget_durations_are_calendar_windows(room: Room, duration: str | None, window: str) -> None:
    made = await room.good("POST", "/key/generate", {"max_budget": 1, "budget_duration": duration})
    shown = await room.good("GET", f"/api/keys/{made['token']}")
    assert [one["window"] for one in shown["budgets"]] == [window]


async def test_an_update_changes_what_is_given(room: Room) -> None:
    made = await room.good(
        "POST", "/key/generate", {"max_budget": 5, "budget_duration": "24h", "rpm_limit": 9}
    )
    for changes, expected in (
        ({"max_budget": 7}, {"max_budget": 7.0, "budget_duration": "24h", "rpm_limit": 9}),
        ({"budget_duration": "7d"}, {"max_budget": 7.0, "budget_duration": "7d"}),
        ({"rpm_limit": None, "tpm_limit": 5}, {"rpm_limit": None, "tpm_limit": 5, "max_budget": 7.0}),
        (
            {"max_budget": None, "soft_budget": 2},
            {"max_budget": None, "soft_budget": 2.0, "budget_duration": "7d"},
        ),
        ({"duration": "1h"}, {"expires": "2026-03-02T10:00:00+00:00"}),
        ({"duration": "-1"}, {"expires": None}),
        ({"models": ["all-proxy-models"]}, {"models": []}),
        ({"blocked": True, "key_alias": "new"}, {"blocked": True, "key_alias": "new"}),
    ):
        answer = await room.good("POST", "/key/update", {"key": made["key"]} | changes)
        assert {name: answer[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"max_budget": 1, "budget_duration": "45d"}, "budget_duration: there is no window of 45d"),
        ({"max_budget": 1, "budget_duration": "often"}, "budget_duration: 'often' is not a duration"),
        ({"budget_duration": "1d"}, "budget_duration: stands alone"),
        ({"max_budget": "much"}, "max_budget: must be an amount"),
        ({"user_id": "ann"}, "user_id: has no counterpart here"),
        ({"key": "sk-mine"}, "key: has no counterpart here"),
        ({"metadata": {"user": "ann"}}, "metadata.user: there is no such field"),
        ({"metadata": {"tags": ["a"]}, "tags": ["b"]}, "metadata.tags: differ from tags"),
        ({"rpm_limit": "many"}, "limits.requests_per_minute: must be a whole number"),
        ({"models": "gpt-4"}, "models: must be a list"),
        ({"duration": "long"}, "expires_in: 'long' is not a duration"),
    ],
)
async def test_what_cannot_be_said_in_our_words_is_refused_by_name(room: Room, body: Any, said: str) -> None:
    status, message = await room.bad("POST", "/key/generate", body)
    assert (status, message[: len(said)]) == (400, said)


async def test_budgets_that_those_names_cannot_say_are_left_to_the_other_path(room: Room) -> None:
    budgets = [BUDGET, {"limit_usd": "50", "window": "month"}]
    made = await room.good("POST", "/api/keys", {"name": "a", "limits": {"budgets": budgets}})
    status, said = await room.bad("POST", "/key/update", {"key": made["id"], "max_budget": 3})
    assert (status, said) == (400, "max_budget: the key has budgets of several windows")
    await room.good("POST", "/key/update", {"key": made["id"], "rpm_limit": 3})
    assert Decimal((await room.good("GET", f"/api/keys/{made['id']}"))["budgets"][1]["limit_usd"]) == 50


async def test_deleting_by_key_id_or_alias_is_all_or_nothing(room: Room) -> None:
    made = [await room.good("POST", "/key/generate", {"key_alias": name}) for name in ("a", "b", "c", "c")]
    assert await room.bad("POST", "/key/delete", {"keys": [made[0]["key"], "nobody"]}) == (
        404,
        "there is no key 'nobody'",
    )
    assert await room.bad("POST", "/key/delete", {"key_aliases": ["c"]}) == (404, "2 keys are called 'c'")
    assert (await room.bad("POST", "/key/delete", {}))[1] == "keys: names no key"
    body = {"keys": [made[0]["key"], made[2]["token"]], "key_aliases": ["b"]}
    gone = [made[0]["token"], made[2]["token"], made[1]["token"]]
    assert await room.good("POST", "/key/delete", body) == {"deleted_keys": gone}
    assert [key["id"] for key in (await room.good("GET", "/api/keys"))["keys"]] == [made[3]["token"]]


async def test_nobody_is_not_found(room: Room) -> None:
    for method, path, body in (
        ("GET", "/key/info?key=x", None),
        ("POST", "/key/update", {"key": "x", "blocked": True}),
    ):
        assert (await room.bad(method, path, body))[0] == 404
    for method, path, body in (("GET", "/key/info", None), ("POST", "/key/update", {})):
        assert (await room.bad(method, path, body))[0] == 400

"""`foreroute budget set|rm|list`: through the running service, and in its store where none runs."""

import asyncio
import json
from pathlib import Path

import orjson
import pytest
from tests.unit.cli.conftest import StandIn
from typer.testing import CliRunner

from foreroute.cli.program import app
from foreroute.control.decision_log import AUDIT
from foreroute.core.ports import Record
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore

DOCUMENT = {
    "dashboard": {"port": 9},
    "channels": [
        {
            "id": "one",
            "provider": "openai",
            "region": "here",
            "model": "gpt-4o-mini",
            "base_url": "http://127.0.0.1:9/v1",
        }
    ],
    "routes": [{"model": "chat", "targets": [{"channel": "one"}]}],
    "budgets": [{"name": "monthly", "limit_usd": 900}],
}


class Place:
    def __init__(self, folder: Path) -> None:
        self.config, self.store = folder / "foreroute.json", folder / "store.db"
        self.config.write_text(json.dumps(DOCUMENT | {"store": {"path": str(self.store)}}))

    def run(self, *arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["budget", *arguments, "--config", str(self.config)])
        assert result.exit_code == code, result.output
        return result.stdout if code == 0 else result.stderr

    def rows(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self.run("list", "--json"))["budgets"]
        return found

    def audit(self) -> list[str]:
        async def read() -> list[Record]:
            store = await SqliteStore.open(self.store, merge_rollups)
            try:
                return await store.records.read(AUDIT)
            finally:
                await store.close()

        return [orjson.loads(record.body)["detail"] for record in asyncio.run(read())]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_without_a_service_a_budget_goes_into_the_store_and_stays_there(place: Place) -> None:
    said = place.run(
        *("set", "daily", "--limit", "$8", "--hard", "10", "--window", "day", "--at-limit", "402"),
        *("--alert", "50", "--alert", "90", "--by", "ann"),
    )
    assert f"through the store {place.store}" in said.replace("\n", "")
    assert [
        (row["name"], row["origin"], row["limit_usd"], row["hard_limit_usd"]) for row in place.rows()
    ] == [
        ("monthly", "file", "900", None),
        ("daily", "run time", "8", "10"),
    ]
    shown = json.loads(place.run("set", "daily", "--hard", "12", "--json"))
    assert (shown["limit_usd"], shown["hard_limit_usd"], shown["alerts_at"]) == ("8", "12", [0.5, 0.9])
    place.run("set", "daily", "--limit", "none")
    assert place.rows()[1]["limit_usd"] == "12", "what is left is the limit"
    place.run("rm", "daily", "--by", "bob")
    assert [row["name"] for row in place.rows()] == ["monthly"]
    notes = place.audit()
    assert notes[0].startswith("daily alerts_at=")
    assert notes[0].endswith("by ann")
    assert notes[-1] == "daily by bob"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", "x"], "nothing is to be set"),
        (["set", "x", "--limit", "-1"], "must be from 0 to"),
        (["set", "x", "--limit", "1"], "'monthly' counts the same"),
        (["set", "monthly", "--limit", "1"], "is in the configuration file"),
        (["set", "x", "--limit", "1", "--scope", "channel", "--of", "two"], "there is no channel 'two'"),
        (["rm", "x"], "there is no budget 'x'"),
    ],
)
def test_mistakes_are_told_in_a_sentence(place: Place, arguments: list[str], said: str) -> None:
    place.run("set", "other", "--limit", "1", "--window", "total")
    assert said in " ".join(place.run(*arguments, code=1).split())


def test_a_running_service_is_asked_and_the_store_is_left_alone(place: Place, server: StandIn) -> None:
    row = {
        "name": "daily",
        "scope": "global",
        "of": "",
        "window": "day",
        "limit_usd": "8",
        "hard_limit_usd": None,
        "at_limit": "429",
    }
    server.answer("POST /api/budgets", row)
    server.answer("DELETE /api/budgets/daily", {"removed": "daily"})
    said = place.run("set", "daily", "--limit", "8", "--window", "day", "--by", "ann", "--url", server.url)
    assert "the running service" in said
    place.run("rm", "daily", "--by", "ann", "--url", server.url)
    assert [(one.method, one.body) for one in server.asked] == [
        ("POST", {"name": "daily", "by": "ann", "limit_usd": "8", "window": "day"}),
        ("DELETE", {"by": "ann"}),
    ]
    assert not place.store.exists()


def test_what_a_running_service_refuses_is_not_tried_in_the_store(place: Place, server: StandIn) -> None:
    server.answer("POST /api/budgets", {"error": {"message": "no such route", "hint": "chat"}}, 400)
    said = place.run("set", "x", "--limit", "1", "--window", "day", "--url", server.url, code=1)
    assert "no such route" in said
    assert not place.store.exists()

"""The first release's database and configuration, as it wrote them itself, under the present code."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest

from foreroute.app.backup import create, restore
from foreroute.control.audit_trail import AuditTrail, verify
from foreroute.control.decision_log import AUDIT, audit_record
from foreroute.core.ids import ChannelId
from foreroute.monitor.fold import merge_rollups
from foreroute.settings import load_settings
from foreroute.settings.convert import channels_of, configured_plan
from foreroute.store import sqlite_schema
from foreroute.store.sqlite import SqliteStore

DATA = Path(__file__).parents[1] / "data" / "upgrade"
ENVIRONMENT = {"OPENAI_API_KEY": "x", "AZURE_OPENAI_API_KEY": "y"}
AT = 1_763_899_200.0
SCHEMAS = len(
    [one for one in resources.files("foreroute.store").joinpath("migrations").iterdir() if one.name[0] == "0"]
)


def first_release(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.executescript((DATA / "first_release.sql").read_text())
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    return path


async def look(path: Path) -> None:
    """Everything that the first release kept is there, and what came later works on it."""
    store = await SqliteStore.open(path, merge_rollups)
    try:
        spend = await store.ledger.spend(start_at=AT, end_at=AT + 10_000.0)
        assert sum(one.attempts for one in spend.values()) == 12
        assert sum((one.cost_usd for one in spend.values()), Decimal(0)) == 12 * Decimal("0.000027")
        assert sum(one.input_tokens for one in spend.values()) == 1200
        rollups = await store.rollups.read(start_at=AT, end_at=AT + 10_000.0)
        assert sum(one.attempts for one in rollups) == 12
        assert sum(one.failures_total for one in rollups) == 3
        assert {one.channel for one in rollups} == {"openai-us", "azure-eu"}
        (entry,) = await store.ledger.request("req_03")
        assert (entry.attempt.status, entry.attempt.error, entry.cost_usd) == (
            500,
            "HTTP 500",
            Decimal("0.000027"),
        )
        assert len(await store.records.read("decision")) == 1
        trail = AuditTrail(store.records)
        await trail.append([audit_record(at=AT + 100.0, action="undo", detail="after the upgrade")])
        verdict = verify(await store.records.read(AUDIT))
        assert (verdict.broken, verdict.before) == (None, 1)
        await store.check()
    finally:
        await store.close()


async def test_the_first_releases_database_opens_with_all_that_it_held(tmp_path: Path) -> None:
    path = first_release(tmp_path / "old.db")
    await look(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMAS,)


async def test_an_upgrade_that_is_done_is_not_done_again(tmp_path: Path) -> None:
    path = first_release(tmp_path / "old.db")
    store = await SqliteStore.open(path, merge_rollups)
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        before = list(db.iterdump())
    store = await SqliteStore.open(path, merge_rollups)
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        assert list(db.iterdump()) == before


def test_the_first_releases_configuration_is_read() -> None:
    settings = load_settings(DATA / "first_release.yaml", ENVIRONMENT)
    assert [one.id for one in channels_of(settings)] == ["openai-us", "azure-eu", "local-vllm"]
    plan = configured_plan(settings, at=AT, rank=lambda _: 0)
    (route,) = plan.routes.values()
    assert {one.channel: round(one.weight, 3) for one in route.targets} == {
        ChannelId("openai-us"): 0.5,
        ChannelId("azure-eu"): 0.333,
        ChannelId("local-vllm"): 0.167,
    }


def test_a_back_up_of_an_old_database_is_restored_and_upgraded(tmp_path: Path) -> None:
    config = tmp_path / "foreroute.yaml"
    path = tmp_path / "old.db"
    text = (DATA / "first_release.yaml").read_text()
    config.write_text(f"{text}\nstore: {{path: {path}}}\n")
    settings = load_settings(config, ENVIRONMENT)
    first_release(path)
    create(settings, config, tmp_path / "b.tar.gz", at=AT)
    path.unlink()
    assert restore(settings, tmp_path / "b.tar.gz").schema == 1
    asyncio.run(look(path))


@pytest.mark.parametrize("broken_at", range(2, SCHEMAS + 1))
async def test_an_upgrade_that_fails_half_way_leaves_the_old_database(
    tmp_path: Path, broken_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = first_release(tmp_path / "old.db")
    real: Callable[[], list[str]] = sqlite_schema._scripts

    def broken() -> list[str]:
        scripts = real()
        scripts[broken_at - 1] += "\nCREATE TABLE rollups (x);\n"
        return scripts

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_schema, "_scripts", broken)
        with pytest.raises(Exception, match="already exists"):
            await SqliteStore.open(path, merge_rollups)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    await look(path)

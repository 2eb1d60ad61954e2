"""`foreroute replay` on a store in a file: what it says, and what it cannot say."""

import asyncio
import json
import time
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from foreroute.app.control_plane import open_store
from foreroute.app.replay import candidate_of
from foreroute.cli.program import app
from foreroute.control.decision_log import tick_record
from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.ids import ChannelId, DecisionId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.core.plan import RoutingPlan
from foreroute.core.ports import Record
from foreroute.decide.decide import decide
from foreroute.decide.snapshot import ChannelState, Snapshot
from foreroute.settings import load_settings

NOW_AT = time.time() // 60 * 60
MINUTES = 120
PRICES = {"dear": 0.004, "cheap": 0.001}


def config(folder: Path, name: str, weights: dict[str, float], **more: Any) -> Path:
    channel = {"provider": "openai", "region": "here", "model": "gpt-4o", "base_url": "http://127.0.0.1/v1"}
    document = {
        "store": {"path": str(folder / "store.db")},
        "autopilot": "act",
        "channels": [{**channel, "id": one} for one in ("dear", "cheap", "spare")],
        "routes": [
            {
                "model": "chat",
                "objective": {"metric": "first_chunk_p95", "limit": "900ms"},
                "targets": [{"channel": one, "weight": weight} for one, weight in weights.items()],
            }
        ],
    } | more
    path = folder / name
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours on record: `dear` fails a third of its requests for a while, and its share goes down."""
    place = tmp_path_factory.mktemp("replay")
    path = config(place, "served.yaml", {"dear": 0.5, "cheap": 0.5})
    asyncio.run(_fill(path))
    return place


async def _fill(path: Path) -> None:
    settings = load_settings(path)
    served = candidate_of(settings, at=0.0)
    plan = RoutingPlan(version=1, made_at=0.0, valid_until=0.0, routes=served.configured)
    rng, records, entries = Random(1), list[Record](), list[LedgerEntry]()
    causes: tuple[Any, ...] = ()
    for minute in range(MINUTES):
        at = NOW_AT - 60.0 * (MINUTES - minute)
        ill = 40 <= minute < 60
        states = {
            ChannelId(one): ChannelState(
                now_s=0.4, failure_ratio=0.3 if ill and one == "dear" else 0.0, judged=30, measured=180
            )
            for one in PRICES
        }
        snapshot = Snapshot(
            at=at,
            decision_id=DecisionId(f"d{at:.0f}"),
            autopilot=served.autopilot,
            kill_switch=False,
            configured=served.configured,
            current=plan,
            objectives=served.objectives,
            channels=states,
            causes=causes,
        )
        decision = decide(snapshot, served.rails)
        plan, causes = decision.plan, decision.causes
        records.append(tick_record(snapshot, served.rails, decision))
        weights = {t.channel: t.weight for t in plan.routes[RouteName("chat")].targets}
        entries += [_entry(rng, at + 2.0 * n, weights, ill=ill) for n in range(30)]
    store = await open_store(settings)
    await store.records.append(records)
    await store.append(entries, [])
    await store.close()


def _entry(rng: Random, at: float, weights: dict[ChannelId, float], *, ill: bool) -> LedgerEntry:
    channel = rng.choices(list(weights), list(weights.values()))[0]
    failed = ill and channel == "dear" and rng.random() < 0.3
    attempt = Attempt(
        request_id=RequestId(f"q{at:.3f}"),
        number=1,
        route=RouteName("chat"),
        channel=channel,
        started_at=at,
        duration_s=1.0,
        outcome=Outcome.FAILURE if failed else Outcome.SUCCESS,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        stream=True,
        time_to_first_chunk_s=None if failed else rng.uniform(0.2, 0.6),
        usage=Usage(100),
        propensity=weights[channel],
    )
    return LedgerEntry(attempt=attempt, cost_usd=Decimal(str(PRICES[channel])), price_source="config")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["replay", *arguments])


def answered(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def measure(answer: Any, name: str) -> Any:
    (route,) = answer["routes"]
    return next(one for one in route["estimates"] if one["measure"] == name)


def test_the_settings_that_served_change_nothing(folder: Path) -> None:
    answer = answered("--config", str(folder / "served.yaml"), "--since", "3h")
    assert answer["ticks"] == MINUTES
    assert answer["decisions"]["differing"] == []
    assert answer["decisions"]["logged"] == answer["decisions"]["candidate"] > 3
    assert answer["settings_differ"] == []
    cost = measure(answer, "cost_usd")
    assert cost["requests"] == pytest.approx(30 * MINUTES, abs=60)
    assert abs(cost["difference"]["mean"]) < 1e-9


def test_cheaper_weights_cost_less_and_what_differs_is_listed(folder: Path) -> None:
    path = config(folder, "cheaper.yaml", {"dear": 0.2, "cheap": 0.8})
    answer = answered("--config", str(path), "--since", "3h")
    assert any(line.startswith("route chat: dear 50%") for line in answer["settings_differ"])
    cost = measure(answer, "cost_usd")
    # Shares move while `dear` is ill, so the truth is a little under 0.2 × 0.004 + 0.8 × 0.001.
    assert cost["candidate"]["lower"] < 0.0016 < cost["logged"]["lower"]
    assert cost["difference"]["upper"] < 0.0
    assert 0 < cost["effective"] < cost["requests"]


def test_a_bolder_step_is_seen_in_the_decisions(folder: Path) -> None:
    path = config(folder, "bolder.yaml", {"dear": 0.5, "cheap": 0.5}, guardrails={"share_step_max": 0.45})
    answer = answered("--config", str(path), "--since", "3h")
    assert answer["settings_differ"] == ["guardrails: share_step_max 0.15 → 0.45"]
    assert answer["decisions"]["candidate"] < answer["decisions"]["logged"]
    first = answer["decisions"]["differing"][0]
    assert {one["code"] for one in first["candidate"]} == {"failing"}
    said = run("--config", str(path), "--since", "3h").stdout
    assert "share_step_max 0.15 → 0.45" in said
    assert "cost per 1000" in said


def test_a_channel_that_was_never_tried_gives_no_number(folder: Path) -> None:
    path = config(folder, "untried.yaml", {"dear": 0.4, "cheap": 0.3, "spare": 0.3})
    answer = answered("--config", str(path), "--since", "3h")
    for one in answer["routes"][0]["estimates"]:
        assert one["candidate"] is None
        assert "(spare)" in one["refused"]
    assert "no number: " in run("--config", str(path), "--since", "3h").stdout


def test_mistakes_get_a_sentence(folder: Path, tmp_path: Path) -> None:
    served = str(folder / "served.yaml")
    assert "no tick is on record" in run("--config", served, "--since", "1s").stderr
    assert run("--config", served, "--since", "soon").exit_code == 1
    assert "there is no such store" in run("--config", served, "--store", str(tmp_path / "none.db")).stderr
    assert run("--config", str(tmp_path / "none.yaml")).exit_code == 3


def test_another_store_may_be_named(folder: Path, tmp_path: Path) -> None:
    elsewhere = config(tmp_path, "c.yaml", {"dear": 0.5, "cheap": 0.5})
    answer = answered("--config", str(elsewhere), "--since", "3h", "--store", str(folder / "store.db"))
    assert answer["ticks"] == MINUTES

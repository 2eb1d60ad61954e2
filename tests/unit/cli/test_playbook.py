"""`foreroute playbook`: without a server what a file says, with one what its runs are."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from foreroute.cli.program import app

CONFIG = """
channels:
  - {id: a, provider: p, region: r, model: m, base_url: "http://127.0.0.1:1/v1"}
  - {id: b, provider: q, region: s, model: n, base_url: "http://127.0.0.1:2/v1"}
routes:
  - {model: chat, targets: [{channel: a}, {channel: b}]}
"""
BAD = """
apiVersion: foreroute/v1
kind: Playbook
metadata: {name: never}
spec:
  triggers: [{type: manual}]
  steps: [{id: out, action: eject, with: {for: 5m}}]
  verify: {success: ["ok_rate > 2"]}
"""
Run = Callable[..., Any]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "foreroute.yaml"
    path.write_text(CONFIG)
    return path


def call(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["playbook", *arguments])


@pytest.fixture
def run(server: Any) -> Run:
    return lambda *arguments: call(*arguments, "--url", server.url)


def a_run(**more: Any) -> dict[str, Any]:
    row = {
        "id": "run-1", "playbook": "overloaded", "scope": "channel:a", "channels": ["a"], "state": "verifying",
        "started_at": 1_772_442_000.0, "why": "", "trigger": "12 of 20 failed", "evidence": "ok_rate 0.4",
        "steps": [
            {"id": "out", "action": "eject", "risk": "bounded", "state": "done", "said": "in force", "undo": "lift it",
             "holds": [{"channel": "a", "kind": "share", "value": 0.0, "from_at": 0.0, "until": 60.0}]}
        ],
    }  # fmt: skip
    return row | more


def test_list_needs_no_server(config: Path) -> None:
    text = call("list", str(config)).stdout
    assert text.index("shed-load") < text.index("region-down") < text.index("predicted-breach")
    rows = json.loads(call("list", str(config), "--json").stdout)["playbooks"]
    assert len(rows) == 20
    assert rows[0]["name"] == "shed-load"


def test_test_rehearses_every_playbook_in_two_worlds(config: Path) -> None:
    found = call("test", str(config), "--json")
    assert found.exit_code == 0, found.output
    rows = {row["playbook"]: row["worlds"] for row in json.loads(found.stdout)["playbooks"]}
    assert len(rows) == 20
    assert {name for name, worlds in rows.items() if worlds["helps"]["state"] != "verified"} == set()
    kept = {name for name, worlds in rows.items() if worlds["worse"]["state"] != "rolled_back"}
    assert kept == {"request-too-large", "unsupported-feature"}, "they only write a note"
    assert {name for name, worlds in rows.items() if worlds["helps"]["by_hand"]} == {"region-down"}
    text = call("test", str(config), "--playbook", "overloaded").stdout
    assert "verified after" in text
    assert "rolled back after" in text


def test_test_fails_for_a_playbook_that_can_never_be_verified(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(BAD)
    found = call("test", str(config), "--file", str(file))
    assert found.exit_code == 1
    assert "never: neither verified nor rolled back as it should be" in found.stderr
    assert call("test", str(config), "--playbook", "none").exit_code == 1


def test_a_file_that_is_wrong_says_its_line(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(BAD.replace("ok_rate > 2", "oc_rate > 2"))
    found = call("list", str(config), "--file", str(file))
    assert found.exit_code == 3
    assert "own.yaml:8" in found.stderr
    assert "did you mean ok_rate?" in found.stderr


def test_run_history_approve_and_reject(server: Any, run: Run) -> None:
    server.answer("POST /api/playbooks/overloaded/run", {"run": a_run(state="rehearsed")})
    server.answer("GET /api/playbook-runs", {"runs": [a_run(state="waiting")]})
    server.answer("POST /api/playbook-runs/run-1", {"run": a_run()})
    dry = run("run", "overloaded", "--scope", "channel:a", "--dry-run", "--reason", "a drill", "--as", "ann")
    assert "a: share at most 0 for 1m" in dry.stdout
    assert "overloaded on channel:a: rehearsed" in dry.stdout
    assert "run-1" in run("history", "--waiting", "--limit", "5").stdout
    assert json.loads(run("history", "--json").stdout)["runs"][0]["state"] == "waiting"
    assert "verifying" in run("approve", "run-1").stdout
    assert "verifying" in run("reject", "run-1", "--reason", "no").stdout
    assert [one.body for one in server.asked if one.method == "POST"] == [
        {"scope": "channel:a", "dry_run": True, "reason": "a drill", "actor": "ann"},
        {"answer": "approve", "actor": "the command line", "reason": ""},
        {"answer": "reject", "actor": "the command line", "reason": "no"},
    ]
    server.answer("GET /api/playbook-runs", {"runs": []})
    assert "no run is on record" in run("history").stdout

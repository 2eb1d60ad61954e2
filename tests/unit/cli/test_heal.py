"""`foreroute heal` on files: causes of failures, and what was learnt from them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from foreroute.cli.exits import ExitCode
from foreroute.cli.program import app
from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.heal.learning import FailureLearning


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["heal", *map(str, arguments)], input=stdin)


def test_each_failure_gets_a_line_in_order(tmp_path):
    file = tmp_path / "failures.jsonl"
    file.write_text(
        '{"id": "x", "http_status": 429, "message": "slow down"}\n\n{"message": "connection refused"}\n'
    )
    answer = run("diagnose", "--jsonl", file)
    assert answer.exit_code == ExitCode.OK
    first, second = map(json.loads, answer.stdout.splitlines())
    assert first == {"id": "x", "label": "rate_limited", "confidence": first["confidence"], "action": "retry"}
    assert (second["id"], second["label"]) == (3, "connection_refused_or_reset")


def test_a_bad_line_is_answered_in_its_place_and_the_others_are_diagnosed():
    answer = run(
        "diagnose",
        "--jsonl",
        "-",
        "--explain",
        stdin='nope\n{"id": 2, "http_status": 401}\n{"id": 3, "message": []}\n',
    )
    assert answer.exit_code == ExitCode.FAILED
    first, second, third = map(json.loads, answer.stdout.splitlines())
    assert (first["line"], "not JSON" in first["error"]) == (1, True)
    assert (second["label"], second["basis"], second["family"]) == (
        "authentication",
        "status:401",
        "down_until_change",
    )
    assert (third["id"], "`message`" in third["error"]) == (3, True)
    assert "2 lines could not be read" in answer.stderr


def test_a_file_that_is_not_there_is_named(tmp_path):
    answer = run("diagnose", "--jsonl", tmp_path / "none")
    assert answer.exit_code == ExitCode.FAILED
    assert "cannot be read" in answer.stderr
    assert "Traceback" not in answer.output


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "foreroute.yaml"
    path.write_text(
        f"store: {{path: {tmp_path / 'store.db'}}}\n"
        "channels: [{id: a, provider: openai, region: here, model: m, base_url: 'https://a.example.com/v1'}]\n"
        "routes: [{model: chat, targets: [{channel: a}]}]\n"
    )
    return path


def learnt(tmp_path: Path, state: bytes | None = None) -> None:
    learning = FailureLearning()
    learning.observe(
        [
            Attempt(
                request_id=RequestId("r"),
                number=1,
                route=RouteName("chat"),
                channel=ChannelId("a"),
                started_at=1.77e9,
                duration_s=1.0,
                outcome=Outcome.THROTTLED,
                reason=PickReason.CONFIGURED,
                plan_version=1,
                failure_class=FailureClass.RATE_LIMITED,
                error="Rate limit reached for zebraquokka: limit 30000",
            )
        ]
    )
    learning.certificate(ChannelId("a"), 1.0)
    folder = tmp_path / "store.db.state"
    folder.mkdir()
    (folder / "failures.npz").write_bytes(learning.dump() if state is None else state)


def test_patterns_are_shown_with_an_example_and_without_anybodys_words(config, tmp_path):
    learnt(tmp_path)
    answer = run("patterns", config)
    assert answer.exit_code == ExitCode.OK
    assert "rate limit reached for <*> limit <n>" in answer.stdout
    assert "zebraquokka" not in answer.stdout
    assert "has ended" in answer.stdout
    found = json.loads(run("patterns", config, "--json").stdout)
    (pattern,) = found["patterns"]
    assert (pattern["class"], pattern["count"], pattern["channels"]) == ("rate_limited", 1, {"a": 1})
    assert found["facts"][0]["name"] == "certificate"
    assert json.loads(run("patterns", config, "--json", "--class", "dns_failure").stdout)["patterns"] == []


def test_nothing_learnt_yet_is_said(config):
    assert "No failure has been seen yet" in run("patterns", config).stdout


def test_an_unknown_class_and_a_broken_state_are_errors_with_a_hint(config, tmp_path):
    answer = run("patterns", config, "--class", "nonsense")
    assert answer.exit_code == ExitCode.FAILED
    assert "rate_limited" in answer.stderr
    learnt(tmp_path, state=b"broken")
    answer = run("patterns", config)
    assert answer.exit_code == ExitCode.FAILED
    assert "cannot be read" in answer.stderr

"""History in and out through the command line, on a store in a file."""

import asyncio
import csv
import io
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from foreroute.app.control_plane import open_store
from foreroute.app.plane import journal_folder
from foreroute.cli.exits import ExitCode
from foreroute.cli.program import app
from foreroute.core.ids import ChannelId
from foreroute.monitor.journal import Journal
from foreroute.monitor.journal_reader import JournalReader
from foreroute.settings import Settings, load_settings
from foreroute.testing.check_store import a_rollup, an_attempt

NOW_AT = time.time() // 3600 * 3600 - 7200.0
"""A whole hour, two hours ago or more: what is imported must not be too old to be kept."""


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "foreroute.yaml"
        channel = {"provider": "openai", "region": "here", "model": "gpt-4o"}
        names = {"a": "https://a.example.com/v1", "b": "https://b.example.com/v1"}
        document = {
            "store": {"path": str(folder / "store.db")},
            "log": {"level": "error"},
            "channels": [{**channel, "id": name, "base_url": url} for name, url in names.items()],
            "routes": [{"model": "chat", "targets": [{"channel": name} for name in names]}],
        }
        self.config.write_text(json.dumps(document))

    @property
    def settings(self) -> Settings:
        return load_settings(self.config)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--config", str(self.config)])

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def exported(self, *arguments: str) -> list[dict[str, str]]:
        result = self.run("series", "export", *arguments)
        assert result.exit_code == 0, result.output
        return list(csv.DictReader(io.StringIO(result.stdout)))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """The logs that a verb sets up end with the test."""
    logger = logging.getLogger("foreroute")
    before = logger.handlers[:], logger.level, logger.propagate
    yield Place(tmp_path)
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def history(minutes: int = 5) -> str:
    return "ts,value,count\n" + "".join(f"{NOW_AT + 60 * n},{0.5 + n / 8},{10 + n}\n" for n in range(minutes))


def test_what_is_imported_is_exported_again_and_twice_changes_nothing(place: Place) -> None:
    file = place.file("h.csv", history())
    for _ in range(2):
        report = place.json("series", "import", file, "--channel", "a", "--metric", "latency_p95")
        assert (report["windows"], report["channels"], report["metrics"]) == (5, {"a": 5}, ["latency_p95"])
        rows = place.exported()
        assert [(row["channel"], row["metric"], float(row["value"]), row["count"]) for row in rows] == [
            ("a", "latency_p95", 0.5 + n / 8, str(10 + n)) for n in range(5)
        ]
    (known,) = place.json("series", "list")["series"]
    assert (known["channel"], known["window_s"], known["rollups"]) == ("a", 60.0, 5)
    assert known["start_at"] == NOW_AT


def test_an_export_is_taken_back_as_it_is(place: Place, tmp_path: Path) -> None:
    wide = "ts,first_chunk_p95,attempts,failure_ratio,cost_usd\n" + "".join(
        f"{NOW_AT + 60 * n},0.{n + 1},20,0.25,0.00{n + 1}\n" for n in range(3)
    )
    place.json("series", "import", place.file("wide.csv", wide), "--channel", "b")
    out = tmp_path / "out.csv"
    assert place.run("series", "export", "--out", str(out)).exit_code == 0
    first = place.exported()
    (place.folder / "store.db").unlink()
    place.json("series", "import", str(out))
    assert place.exported() == first
    assert len(first) == 12
    again = place.run("series", "export", "--out", str(out))
    assert again.exit_code == 1
    assert "exists already" in again.stderr


def test_hours_are_merged_and_jsonl_is_one_value_a_line(place: Place) -> None:
    text = "ts,attempts,cost_usd\n" + "".join(f"{NOW_AT + 60 * n},5,0.01\n" for n in range(30))
    place.json("series", "import", place.file("h.csv", text), "--channel", "a")
    result = place.run(
        *("series", "export", "--resolution", "hour", "--format", "jsonl", "--metric", "attempts")
    )
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    assert (found["value"], found["channel"], found["window_s"]) == (150.0, "a", 3600.0)
    assert place.exported("--channel", "b") == []
    assert place.exported("--since", "1h") == []


def test_a_dry_run_stores_nothing(place: Place) -> None:
    file = place.file("h.csv", history())
    result = place.run("series", "import", file, "--channel", "a", "--metric", "latency_p95", "--dry-run")
    assert "5 windows of latency_p95 would be taken in" in result.stdout
    assert not (place.folder / "store.db").exists()


async def test_what_was_measured_here_is_left_alone(place: Place) -> None:
    store = await open_store(place.settings)
    own = a_rollup(ChannelId("a"), NOW_AT + 120.0)
    await store.rollups.append([own])
    await store.close()
    file = place.file("h.csv", history())
    arguments = ("series", "import", file, "--channel", "a", "--metric", "latency_p95")
    report = await asyncio.to_thread(place.json, *arguments)
    assert (report["windows"], report["measured"]) == (4, 1)
    store = await open_store(place.settings)
    found = await store.rollups.read(start_at=NOW_AT, end_at=NOW_AT + 300.0)
    await store.close()
    assert found[2] == own
    assert len(found) == 5


def test_what_is_too_old_to_be_kept_is_not_taken(place: Place) -> None:
    text = f"ts,value\n{NOW_AT - 800 * 86400.0},1\n{NOW_AT},1\n"
    file = place.file("h.csv", text)
    report = place.json("series", "import", file, "--channel", "a", "--metric", "latency_p95")
    assert (report["windows"], report["old"]) == (1, 1)


def test_spend_logs_say_what_matched(place: Place) -> None:
    row = {
        "startTime": f"{NOW_AT}",
        "endTime": f"{NOW_AT + 2}",
        "model": "gpt-4o",
        "model_group": "chat",
        "spend": 0.01,
        "prompt_tokens": 10,
    }
    bases = ["https://a.example.com/v1"] * 3 + [""] * 2
    rows = [row | {"request_id": f"r{n}", "api_base": base} for n, base in enumerate(bases)]
    file = place.file("logs.jsonl", "\n".join(map(json.dumps, rows)))
    result = place.run("series", "import", file, "--litellm")
    assert "3 rows  chat gpt-4o https://a.example.com/v1  →  a" in result.stdout
    assert "2 rows  chat gpt-4o  left out: could be any of a, b" in result.stdout
    for _ in range(2):
        report = place.json("series", "import", file, "--litellm", "--match", "chat=b")
        assert report["channels"] == {"b": 1}
        (attempts,) = place.exported("--channel", "b", "--metric", "attempts")
        assert float(attempts["value"]) == 5.0
    (cost,) = place.exported("--channel", "a", "--metric", "cost_usd")
    assert float(cost["value"]) == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["series", "import"], "say where the history is"),
        (["series", "import", "nowhere.csv", "--channel", "a", "--metric", "latency_p95"], "cannot be read"),
        (["series", "import", "x.csv", "--channel", "aa", "--metric", "latency_p95"], "did you mean a?"),
        (
            ["series", "import", "x.csv", "--channel", "a", "--metric", "latency"],
            "there is no metric 'latency'",
        ),
        (["series", "import", "x.csv", "--channel", "a", "--scale", "0"], "is above zero"),
        (["series", "import", "--prometheus", "http://127.0.0.1:1"], "needs --channel, --metric, --query"),
        (["series", "import", "x", "--litellm", "--match", "b"], "is not NAME=CHANNEL"),
        (["series", "list"], "there is no such store"),
        (["series", "export", "--resolution", "week"], "one of minute, hour, day"),
        (["series", "export", "--since", "long"], "is not a duration"),
    ],
)
def test_mistakes_are_named(place: Place, arguments: list[str], says: str) -> None:
    result = place.run(*arguments)
    assert result.exit_code == ExitCode.FAILED
    assert says in result.stderr
    assert "Traceback" not in result.output


# collect ---------------------------------------------------------------------------------------------------------


def journal(settings: Settings, count: int, source: str) -> None:
    """What a gateway that was killed has left."""
    written = Journal(journal_folder(settings), source)
    for number in range(count):
        written.record(an_attempt(1, request=f"{source}-{number}", at=NOW_AT + number))
    written.close()


def test_collect_once_stores_what_gateways_have_written_and_only_once(place: Place) -> None:
    journal(place.settings, 90, "gone")
    assert place.json("collect", "--once") == {"attempts": 90, "rollups": 2}
    assert place.json("collect", "--once") == {"attempts": 0, "rollups": 0}
    assert list(journal_folder(place.settings).iterdir()) == []
    journal(place.settings, 90, "gone")
    assert place.json("collect", "--once")["attempts"] == 0, "what is in the ledger is known"
    journal(place.settings, 30, "later")
    assert place.json("collect", "--once") == {"attempts": 30, "rollups": 1}
    attempts = place.exported("--channel", "a", "--metric", "attempts")
    assert sum(float(row["value"]) for row in attempts) == 120.0


def test_collect_refuses_where_somebody_stores_already(place: Place) -> None:
    journal(place.settings, 3, "gone")
    reader = JournalReader(journal_folder(place.settings), own="service")
    assert reader.claim()
    result = place.run("collect", "--once")
    assert result.exit_code == ExitCode.FAILED
    assert "stores the attempts of" in result.stderr
    reader.release()
    assert place.json("collect", "--once")["attempts"] == 3

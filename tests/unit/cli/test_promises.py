"""What the command line promises of every verb: JSON, colours, exit codes, completion."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from tests.unit.cli.conftest import StandIn
from typer.testing import CliRunner, Result

from foreroute.cli.exits import MEANINGS, ExitCode
from foreroute.cli.program import app

ROOT = Path(__file__).parents[3]
EXAMPLE = str(ROOT / "configs/foreroute.yaml")
WITHOUT_JSON = {
    "serve",  # it serves
    "series export",  # its result is a CSV file
    "heal diagnose",  # its result is a line of JSON for each line
}


def run(*arguments: str, **environment: str) -> Result:
    keys = {"OPENAI_API_KEY": "a", "AZURE_OPENAI_API_KEY": "b"}
    return CliRunner().invoke(app, list(arguments), env=keys | environment)


def verbs(group: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    for word, command in group.commands.items():
        path = f"{name} {word}".strip()
        if hasattr(command, "commands"):
            yield from verbs(command, path)
        else:
            yield path, command


def test_every_verb_can_answer_in_json() -> None:
    missing = {
        path
        for path, command in verbs(typer.main.get_command(app))
        if not any("--json" in param.opts for param in command.params)
    }
    assert missing == WITHOUT_JSON


@pytest.mark.parametrize("colour", [{"FORCE_COLOR": "1"}, {"FORCE_COLOR": "1", "TERM": "xterm-256color"}])
@pytest.mark.parametrize("verb", [["check", EXAMPLE], ["config", "show", EXAMPLE], ["version"], ["status"]])
def test_json_is_one_value_without_colours(
    verb: list[str], colour: dict[str, str], server: StandIn, status: dict[str, Any]
) -> None:
    server.answer("GET /api/status", status)
    done = run(*verb, "--json", FOREROUTE_URL=server.url, **colour)
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert done.stdout.count("\n") == 1
    json.loads(done.stdout)


def test_no_color_wins(server: StandIn, status: dict[str, Any]) -> None:
    server.answer("GET /api/status", status)
    coloured = run("status", FOREROUTE_URL=server.url, FORCE_COLOR="1")
    assert "\x1b[" in coloured.stdout
    plain = run("status", FOREROUTE_URL=server.url, FORCE_COLOR="1", NO_COLOR="1")
    assert not any(f"\x1b[{code}m" in plain.stdout for code in (31, 32, 33, 34, 35, 36))


def test_each_exit_code_means_what_the_page_says(
    server: StandIn, status: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text("channels: 5")
    status["budgets"][0]["spent_usd"] = "501"
    server.answer("GET /api/status", status)
    server.answer("POST /api/undo", {"undone": False})
    reached = {
        ExitCode.OK: run("version"),
        ExitCode.FAILED: run("undo", FOREROUTE_URL=server.url),
        ExitCode.USAGE: run("nonsense"),
        ExitCode.CONFIG: run("check", str(tmp_path / "bad.yaml")),
        ExitCode.UNHEALTHY: run("status", FOREROUTE_URL="http://127.0.0.1:9"),
        ExitCode.BUDGET: run("status", "--fail-on-budget", FOREROUTE_URL=server.url),
    }
    assert {code: done.exit_code for code, done in reached.items()} == {code: int(code) for code in MEANINGS}
    for code, done in reached.items():
        assert (done.stderr == "") is (code in (ExitCode.OK, ExitCode.BUDGET)), "talk is on stderr"


def complete(words: str) -> list[str]:
    """What bash would offer after these words."""
    program = "import sys; sys.argv[0] = 'foreroute'; from foreroute.cli import main; main()"
    environment = {**os.environ, "_FOREROUTE_COMPLETE": "complete_bash", "COMP_WORDS": words}
    environment["COMP_CWORD"] = str(len(words.split(" ")) - 1)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.split()


def test_the_shell_completes_verbs_and_options() -> None:
    assert {"serve", "status", "series", "scorecard", "simulate"} <= set(complete("foreroute s"))
    assert set(complete("foreroute experiment st")) == {"start", "stop"}
    assert "--fail-on-budget" in complete("foreroute status --f")
    shown = run("--show-completion", "bash")
    assert shown.exit_code == 0
    assert "COMPREPLY" in shown.stdout

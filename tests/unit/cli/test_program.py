"""The verbs that need no server, the entry point, and what importing it costs."""

import json
import os
import subprocess
import sys
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from foreroute import __version__
from foreroute.app import serve as serving
from foreroute.app.config_watch import ConfigSource
from foreroute.cli.exits import ExitCode
from foreroute.cli.program import app
from foreroute.cli.reference import cli_reference
from foreroute.core.errors import ForerouteError
from foreroute.demo import run as demo
from foreroute.settings import Settings, load_settings
from foreroute.settings.schema import settings_schema

ROOT = Path(__file__).parents[3]
EXAMPLE = str(ROOT / "configs/foreroute.yaml")
BAD = str(ROOT / "tests/data/config/unknown_key.yaml")
KEYS = {"OPENAI_API_KEY": "sk-one", "AZURE_OPENAI_API_KEY": "sk-two"}
HEAVY = {
    "numpy", "pandas", "scipy", "aiohttp", "starlette", "uvicorn", "pydantic", "statsforecast", "rich",
    "foreroute.app", "foreroute.settings", "foreroute.demo", "foreroute.gateway",
}  # fmt: skip
VERBS = [
    "demo",
    "serve",
    "check",
    "status",
    "explain",
    "forecast",
    "version",
    "autopilot",
    "kill-switch",
    "undo",
    "collect",
]


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={**KEYS, **environment})


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from foreroute.cli import main\n"
        "sys.argv = ['foreroute', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(verb in done.stdout for verb in [*VERBS, "config"])


@pytest.mark.parametrize(
    "verb",
    [
        *([verb] for verb in VERBS),
        ["config"],
        ["config", "show"],
        ["config", "schema"],
        ["series"],
        *(["series", verb] for verb in ("list", "import", "export")),
    ],
)
def test_every_verb_explains_itself(verb: list[str]) -> None:
    result = run(*verb, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_the_version_is_said_in_three_ways() -> None:
    assert run("--version").stdout == run("version").stdout == f"foreroute {__version__}\n"
    assert json.loads(run("version", "--json").stdout) == {"version": __version__}


def test_as_a_module_it_is_the_same_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "foreroute", "version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"foreroute {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["check", "--nonsense"], ["demo", "--port", "99999"]]
)
def test_a_usage_error_ends_with_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_usage_error_in_json_is_json() -> None:
    result = run("demo", "--port", "99999", "--json")
    assert result.exit_code == 2
    assert "--port" in json.loads(result.stderr)["error"]["message"]


# check, config ---------------------------------------------------------------------------------------------------


def test_check_shows_what_a_file_comes_to() -> None:
    result = run("check", EXAMPLE)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    row = next(line for line in result.stdout.splitlines() if line.startswith("openai-us"))
    assert row.split() == ["openai-us", "openai", "us-east", "gpt-4o-mini", "set", "list", "price"]
    assert "first_chunk_p95 under 900ms" in result.stdout
    assert "$500 a month, UTC time" in result.stdout
    assert "is valid; nothing to warn about" in result.stdout
    assert "sk-" not in result.stdout


def test_check_in_json() -> None:
    found = json.loads(run("check", EXAMPLE, "--json", FORCE_COLOR="1").stdout)
    assert found["ok"] is True
    assert [channel["key_set"] for channel in found["channels"]] == [True, True, False]
    assert found["routes"][0]["objective"] == {"metric": "first_chunk_p95", "limit_s": 0.9}
    assert found["warnings"] == []


def write(tmp_path: Path, **changes: Any) -> str:
    channel = {"provider": "nobody", "region": "r", "model": "unheard-of"}
    data = {
        "channels": [
            {**channel, "id": "near", "base_url": "http://127.0.0.1:9/v1"},
            {**channel, "id": "far", "base_url": "http://far.example/v1", "api_key": "${OPENAI_API_KEY}"},
            {**channel, "id": "bare", "base_url": "https://far.example/v1"},
        ],
        "routes": [{"model": "chat", "targets": [{"channel": "near"}]}],
        "autopilot": "act",
    }
    file = tmp_path / "f.yaml"
    file.write_text(yaml.safe_dump(data | changes))
    return str(file)


def test_warnings_name_what_may_surprise_and_do_not_fail(tmp_path: Path) -> None:
    result = run("check", write(tmp_path), "--json")
    assert result.exit_code == 0
    said = {(one["where"], one["message"].partition(":")[0]) for one in json.loads(result.stdout)["warnings"]}
    assert said == {
        ("channel near", "its price is not known"),
        ("channel far", "no route uses it"),
        ("channel far", "its price is not known"),
        ("channel far", "its key travels unencrypted over http"),
        ("channel bare", "no route uses it"),
        ("channel bare", "its price is not known"),
        ("channel bare", "is elsewhere and has no key"),
        ("route chat", "has a single channel"),
        ("route chat", "has no objective"),
        ("autopilot", "act, but no route has an objective to act for"),
    }
    assert "warnings" in run("check", write(tmp_path)).stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"forecast": {"models": ["oracle"]}}, "there is no forecast model 'oracle'"),
        ({"detect": {"detectors": ["nose"]}}, "there is no detector 'nose'"),
        ({"heal": {"playbooks": "nowhere.yaml"}}, "nowhere.yaml: there is no such file"),
    ],
)
def test_what_only_the_stages_know_is_checked_too(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    result = run("check", write(tmp_path, **changes))
    assert result.exit_code == 3
    assert said in result.stderr


@pytest.mark.parametrize("verb", [["check"], ["config", "show"], ["serve", "--config"]], ids=" ".join)
def test_a_bad_file_ends_with_3_and_one_message(verb: list[str]) -> None:
    result = run(*verb, BAD)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith(
        f"{BAD}:4: channels[0].regoin: there is no such setting\n  did you mean region?"
    )


def test_a_bad_file_in_json_names_all_problems(tmp_path: Path) -> None:
    file = write(tmp_path, routes=[], log={"level": "loud"})
    result = run("check", file, "--json")
    assert result.exit_code == 3
    error = json.loads(result.stderr)["error"]
    assert [problem["where"].rpartition(" ")[2] for problem in error["problems"]] == ["log.level", "routes"]
    assert error["message"] == error["problems"][0]["message"]


def test_without_a_file_the_usual_places_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    missing = run("check")
    assert missing.exit_code == 3
    assert "foreroute.yaml: cannot be read: No such file" in missing.stderr
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/foreroute.yaml").write_text(Path(EXAMPLE).read_text())
    assert "configs/foreroute.yaml is valid" in run("check").stdout
    (tmp_path / "foreroute.yaml").write_text(Path(EXAMPLE).read_text())
    assert "\nforeroute.yaml is valid" in run("check").stdout


def test_config_show_masks_secrets() -> None:
    text = run("config", "show", EXAMPLE)
    assert "sk-" not in text.stdout
    assert yaml.safe_load(text.stdout) == json.loads(run("config", "show", EXAMPLE, "--json").stdout)
    assert yaml.safe_load(text.stdout)["channels"][0]["api_key"] == "***"


def test_config_schema_is_the_schema() -> None:
    assert json.loads(run("config", "schema").stdout) == settings_schema()
    assert run("config", "schema", "--json").stdout.count("\n") == 1


# demo, serve -----------------------------------------------------------------------------------------------------


def test_demo_hands_its_options_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[demo.DemoOptions] = []

    def note(options: demo.DemoOptions) -> int:
        seen.append(options)
        return 7

    monkeypatch.setattr(demo, "run_demo", note)
    assert run("demo").exit_code == 7
    assert seen.pop() == demo.DemoOptions()
    trace = tmp_path / "trace.csv"
    trace.touch()
    command = "demo --headless --seconds 5 --json --seed 3 --speed 30 --port 1 --dashboard-port 2 --kill-loop-at 1.5"
    assert run(*command.split(), "--trace", str(trace)).exit_code == 7
    assert seen.pop() == demo.DemoOptions(
        headless=True,
        seconds=5,
        as_json=True,
        seed=3,
        speed=30.0,
        port=1,
        dashboard_port=2,
        kill_loop_at=1.5,
        trace=trace,
    )


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_an_error_of_the_house_is_a_message(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    def fail(_: demo.DemoOptions) -> int:
        raise ForerouteError("no free port")

    monkeypatch.setattr(demo, "run_demo", fail)
    result = run("demo", *arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    said = json.loads(result.stderr)["error"]["message"] if arguments else result.stderr
    assert said.strip().removeprefix("error: ") == "no free port"


def test_serve_runs_the_file_with_the_ports_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []

    def note(settings: Settings, source: ConfigSource) -> int:
        assert source.adapt(load_settings(source.path)) == settings, "a reload comes to the same"
        seen.append(settings)
        return 0

    monkeypatch.setattr(serving, "serve", note)
    assert run("serve", "--config", EXAMPLE).exit_code == 0
    assert run("serve", "-c", EXAMPLE, "--port", "0", "--dashboard-port", "9001").exit_code == 0
    assert [(one.gateway.port, one.dashboard.port) for one in seen] == [(8080, 8081), (0, 9001)]
    clash = run("serve", "-c", EXAMPLE, "--port", "8081")
    assert clash.exit_code == 1
    assert "cannot share port 8081" in clash.stderr


# generated files -------------------------------------------------------------------------------------------------


@pytest.fixture
def generate() -> ModuleType:
    spec = util.spec_from_file_location("generate", ROOT / "scripts/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_files_are_fresh(generate: ModuleType) -> None:
    assert generate.stale() == [], "run: python scripts/generate.py"


def test_a_stale_file_is_named_and_written_again(generate: ModuleType, tmp_path: Path) -> None:
    generate.write(tmp_path)
    assert generate.stale(tmp_path) == []
    (tmp_path / "docs/cli.md").write_text("old")
    (tmp_path / "schema/foreroute.schema.json").unlink()
    assert generate.stale(tmp_path) == ["schema/foreroute.schema.json", "docs/cli.md"]


def test_the_page_names_every_verb_and_every_exit_code() -> None:
    page = cli_reference()
    assert all(f"### `foreroute {verb}`" in page for verb in [*VERBS, "config show", "config schema"])
    assert all(f"| {int(code)} | " in page for code in ExitCode)


def test_a_reader_that_goes_away_is_no_crash() -> None:
    command = f"{sys.executable} -m foreroute config schema | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert "Traceback" not in done.stderr

"""`foreroute import litellm`: the result on stdout or in a file, the report on stderr."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from foreroute.cli.exits import ExitCode
from foreroute.cli.program import app

FULL = Path(__file__).parents[2] / "data/litellm/full.yaml"
KEYS = ("ANTHROPIC_API_KEY", "AZURE_EU_KEY", "FOREROUTE_KEY", "FW_KEY", "GROQ_API_KEY", "OPENAI_API_KEY_2")
VARIABLES = dict.fromkeys(KEYS, "sk-something")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], env=VARIABLES)


def test_the_result_is_alone_on_stdout_and_the_report_on_stderr() -> None:
    done = run("import", "litellm", FULL)
    assert done.exit_code == ExitCode.OK
    assert {"channels", "routes", "gateway"} <= set(yaml.safe_load(done.stdout))
    for words in (
        "mapped (",
        "no counterpart (",
        "by hand (",
        f"{FULL}:39: model_list[4]",
        "export ANTHROPIC",
    ):
        assert words in done.stderr


def test_what_was_written_passes_the_check(tmp_path: Path) -> None:
    out = tmp_path / "foreroute.yaml"
    done = run("import", "litellm", FULL, "--out", out)
    assert (done.exit_code, done.stdout) == (ExitCode.OK, "")
    assert f"foreroute check {out}" in done.stderr
    checked = run("check", out, "--json")
    assert checked.exit_code == ExitCode.OK, checked.stderr
    assert json.loads(checked.stdout)["ok"] is True


def test_a_file_is_overwritten_only_by_force(tmp_path: Path) -> None:
    out = tmp_path / "foreroute.yaml"
    out.write_text("mine")
    refused = run("import", "litellm", FULL, "--out", out)
    assert refused.exit_code == ExitCode.FAILED
    assert "exists already" in refused.stderr
    assert "--force" in refused.stderr
    assert out.read_text() == "mine"
    assert run("import", "litellm", FULL, "--out", out, "--force").exit_code == ExitCode.OK
    assert "channels:" in out.read_text()


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "config.yaml"
    source.write_bytes(FULL.read_bytes())
    refused = run("import", "litellm", source, "--out", source, "--force")
    assert refused.exit_code == ExitCode.FAILED
    assert "that is the file to import" in refused.stderr
    assert source.read_bytes() == FULL.read_bytes()


def test_as_json_it_is_one_value() -> None:
    done = run("import", "litellm", FULL, "--json")
    told = json.loads(done.stdout)
    assert done.stderr == ""
    assert told["variables"] == sorted(VARIABLES)
    assert {note["fate"] for note in told["notes"]} == {"mapped", "no counterpart", "by hand"}
    assert "channels" in yaml.safe_load(told["configuration"])


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "cannot be read"), ("model_list: []", ":1: model_list: is missing or empty"), ("a: [1", ":1:6")],
)
def test_what_cannot_be_imported_is_said_with_its_place(tmp_path: Path, text: str | None, words: str) -> None:
    source, out = tmp_path / "config.yaml", tmp_path / "out.yaml"
    if text is not None:
        source.write_text(text)
    refused = run("import", "litellm", source, "--out", out)
    assert refused.exit_code == ExitCode.CONFIG
    assert words in refused.stderr
    assert "Traceback" not in refused.output
    assert not out.exists()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    refused = run("import", "litellm", FULL, "--out", tmp_path / "nowhere" / "out.yaml")
    assert refused.exit_code == ExitCode.FAILED
    assert "cannot be written" in refused.stderr


def test_control_characters_of_a_file_take_no_effect(tmp_path: Path) -> None:
    source = tmp_path / "config.yaml"
    entry = {"model_name": "a\x1b[31m", "litellm_params": {"model": "openai/x"}}
    source.write_text(yaml.safe_dump({"model_list": [entry]}))
    done = run("import", "litellm", source)
    assert done.exit_code == ExitCode.OK
    assert "\x1b" not in done.output

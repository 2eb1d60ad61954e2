"""`foreroute init`: what it finds, and that it writes over nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.cli.conftest import StandIn
from typer.testing import CliRunner, Result

from foreroute.app.prices import price_book
from foreroute.cli import init_found
from foreroute.cli.init_file import written
from foreroute.cli.init_found import PROVIDERS, Found, from_environment, on_loopback
from foreroute.cli.program import app
from foreroute.core.attempt import Usage
from foreroute.settings import parse_settings
from foreroute.settings.convert import channels_of
from foreroute.settings.schema import settings_schema

KEYS: dict[str, str | None] = dict.fromkeys(
    (*(one.key for one in PROVIDERS), init_found.AZURE_KEY, init_found.AZURE_ADDRESS)
)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No keys of whoever runs the test, no servers of this machine."""
    monkeypatch.setattr(init_found, "SERVERS", {})
    monkeypatch.setattr(on_loopback, "__defaults__", ({},))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=KEYS | environment)


def served(server: StandIn, *names: str, owner: str = "library") -> dict[int, str]:
    server.answer("GET /v1/models", {"data": [{"id": name, "owned_by": owner} for name in names]})
    return {int(server.url.rpartition(":")[2]): "ollama"}


def test_what_it_writes_is_a_configuration_without_a_secret() -> None:
    done = run("init", OPENAI_API_KEY="sk-secret", ANTHROPIC_API_KEY="sk-ant-secret")
    assert done.exit_code == 0, done.output
    assert done.stdout == "foreroute.yaml\n"
    text = Path("foreroute.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=./foreroute.schema.json\n")
    assert "secret" not in text.replace("no secret", "")
    checked = run("check", OPENAI_API_KEY="sk-secret", ANTHROPIC_API_KEY="sk-ant-secret", FOREROUTE_LANG="en")
    assert "foreroute.yaml is valid" in checked.stdout
    assert json.loads(Path("foreroute.schema.json").read_text(encoding="utf-8")) == settings_schema()


def test_a_file_that_is_there_stays_as_it_is() -> None:
    Path("foreroute.yaml").write_text("mine", encoding="utf-8")
    done = run("init", OPENAI_API_KEY="sk-x")
    assert done.exit_code == 1
    assert "stays as it is" in done.stderr
    assert Path("foreroute.yaml").read_text(encoding="utf-8") == "mine"
    Path("foreroute.schema.json").write_text("mine too", encoding="utf-8")
    assert run("init", "other.yaml", OPENAI_API_KEY="sk-x").exit_code == 0
    assert Path("foreroute.schema.json").read_text(encoding="utf-8") == "mine too"


def test_without_anything_to_call_it_says_what_would_help() -> None:
    done = run("init")
    assert done.exit_code == 1
    assert "OPENAI_API_KEY" in done.stderr
    assert not Path("foreroute.yaml").exists()
    named = json.loads(run("init", "--provider", "openai", "--json").stdout)
    assert [(one["id"], one["key_set"]) for one in named["channels"]] == [("openai", False)]
    assert named["routes"] == {"chat": ["openai"]}
    wrong = run("init", "a.yaml", "--provider", "opnai")
    assert "did you mean openai?" in wrong.stderr


def test_a_model_server_on_this_machine_is_found(server: StandIn) -> None:
    (found,) = on_loopback(served(server, "nomic-embed-text", "qwen3:8b", "llama3:70b"))
    assert (found.id, found.model, found.others) == ("ollama", "qwen3:8b", ("nomic-embed-text", "llama3:70b"))
    data = yaml.safe_load(written([found], name="f.yaml"))
    assert data["channels"][0]["price"] == {"input_usd_per_mtok": 0, "output_usd_per_mtok": 0}
    assert "api_key" not in data["channels"][0]


@pytest.mark.parametrize(
    "answer", [{"data": 5}, {"data": [5]}, [], b"<html>", {"data": []}, {"data": [{"name": "x"}]}]
)
def test_what_is_no_model_server_is_left_alone(server: StandIn, answer: Any) -> None:
    server.answer("GET /v1/models", answer)
    assert list(on_loopback({int(server.url.rpartition(":")[2]): "vllm"})) == []


def test_it_does_not_find_itself(server: StandIn) -> None:
    assert list(on_loopback(served(server, "chat", owner="foreroute"))) == []


def test_a_model_with_a_wicked_name_cannot_write_settings_of_its_own(server: StandIn) -> None:
    names = ('x"\nautopilot: act\nz: "', "o\n    api_key: y")
    (found,) = on_loopback(served(server, *names))
    data = yaml.safe_load(written([found], name="f.yaml"))
    assert data["autopilot"] == "observe"
    assert set(data["channels"][0]) == {"id", "provider", "region", "model", "base_url", "price"}


def test_every_provider_that_it_knows_has_a_list_price() -> None:
    found = list(from_environment({one.key: "k" for one in PROVIDERS}))
    text = written(found, name="f.yaml").encode()
    settings = parse_settings(text, name="f.yaml", environment={one.key: "k" for one in PROVIDERS})
    book = price_book(settings)
    one_each = Usage(input_tokens=1, output_tokens=1)
    sources = {one.id: book.cost_usd(one, one_each, 1.79e9).source for one in channels_of(settings)}
    assert sources == dict.fromkeys(sources, "genai-prices")
    assert len(sources) == len(PROVIDERS)


def test_azure_needs_its_address_too() -> None:
    assert list(from_environment({init_found.AZURE_KEY: "k"})) == []
    (found,) = from_environment(
        {init_found.AZURE_KEY: "k", init_found.AZURE_ADDRESS: "https://mine.openai.azure.com/"}
    )
    assert found == Found(
        id="azure",
        provider="azure",
        region="global",
        model="gpt-4o-mini",
        base_url="https://mine.openai.azure.com/openai/v1",
        key=init_found.AZURE_KEY,
    )

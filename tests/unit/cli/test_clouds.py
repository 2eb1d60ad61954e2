"""`foreroute clouds`: accounts offline, and what they can use, asked of stand-ins on loopback by the clouds' own kits."""

import json
from pathlib import Path

import pytest
import yaml
from tests.unit.cli.conftest import StandIn
from typer.testing import CliRunner, Result

from foreroute.cli.program import app
from foreroute.settings import load_settings

CONFIG = """
clouds:
  aws: [{name: amazon, access_key_id: "${SECRET}", secret_access_key: "${SECRET}", regions: {us-east: us-east-1}}]
  azure: [{name: microsoft, api_key: "${SECRET}", resources: {eu-west: "%s"}}]
channels:
  - {id: a, provider: azure, region: eu-west, model: m, account: microsoft}
  - {id: b, provider: azure, region: eu-west, model: n, account: microsoft}
routes: [{model: m, targets: [{channel: a}, {channel: b}]}]
"""
MODELS = {
    "modelSummaries": [
        {"modelId": "openai.gpt-oss-120b-1:0", "modelArn": "arn:x", "inferenceTypesSupported": ["ON_DEMAND"]},
        {"modelId": "reserved-only", "modelArn": "arn:y", "inferenceTypesSupported": ["PROVISIONED"]},
    ]
}


@pytest.fixture
def config(tmp_path: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECRET", "the-secret-of-the-account")
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", server.url)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "foreroute.yaml"
    path.write_text(CONFIG % server.url)
    server.answer("GET /foundation-models", MODELS)
    server.answer("GET /openai/v1/models", {"data": [{"id": "gpt-4o-mini"}, {"id": "o4"}]})
    return path


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["clouds", *map(str, words)])


def test_accounts_are_shown_without_asking_anybody(config: Path, server: StandIn) -> None:
    done = run("list", "--config", config, "--json")
    assert json.loads(done.stdout) == [
        {"name": "amazon", "cloud": "aws", "proof": "signatures, an access key", "channels": []},
        {"name": "microsoft", "cloud": "azure", "proof": "a key of the resource", "channels": ["a", "b"]},
    ]
    assert "the-secret" not in run("list", "--config", config).stdout
    assert not server.asked


def test_models_are_found_and_become_channels_that_the_configuration_takes(
    config: Path, server: StandIn
) -> None:
    done = run("discover", "--config", config, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert [(one["account"], one["region"], one["models"]) for one in found] == [
        ("amazon", "us-east", ["openai.gpt-oss-120b-1:0"]),
        ("microsoft", "eu-west", ["gpt-4o-mini", "o4"]),
    ]
    assert {one.path.partition("?")[0] for one in server.asked} == {"/foundation-models", "/openai/v1/models"}
    channels = yaml.safe_load(run("discover", "--config", config, "--yaml").stdout)["channels"]
    document = yaml.safe_load(config.read_text())
    document["channels"] += channels
    config.write_text(yaml.safe_dump(document))
    assert len(load_settings(config).channels) == 5


def test_what_a_cloud_refuses_is_said_and_the_others_are_shown(config: Path, server: StandIn) -> None:
    server.answer("GET /openai/v1/models", {"error": "no"}, 401)
    done = run("discover", "--config", config)
    assert done.exit_code == 1
    assert "openai.gpt-oss-120b-1:0" in done.stdout
    assert "answered 401" in done.stdout
    assert "the-secret" not in done.output


def test_what_is_no_list_is_said(config: Path, server: StandIn) -> None:
    server.answer("GET /openai/v1/models", b"<html>")
    assert "did not answer as it should" in run("discover", "microsoft", "--config", config).stdout


def test_an_account_that_is_none_is_named(config: Path) -> None:
    done = run("discover", "oracle", "--config", config)
    assert done.exit_code != 0
    assert "there is no account 'oracle'" in done.output

"""Accounts of clouds: where a channel's address comes from, and what does not fit."""

from pathlib import Path

import pytest

from foreroute.core.errors import ConfigError
from foreroute.settings import Settings, load_settings
from foreroute.settings.clouds import accounts_of

EXAMPLE = Path(__file__).parents[3] / "configs/cloud_providers.yaml"


def load(folder: Path, channel: str, accounts: str = "", inline: str = "") -> Settings:
    (folder / "cloud_providers.yaml").write_text(accounts or EXAMPLE.read_text())
    (folder / "foreroute.yaml").write_text(
        f"clouds: {inline or '{file: cloud_providers.yaml}'}\n"
        f"channels:\n  - {{id: one, provider: p, region: us-east, model: m, {channel}}}\n"
        "routes:\n  - {model: chat, targets: [{channel: one}]}\n"
    )
    return load_settings(folder / "foreroute.yaml", {"SECRET": "s", "PROJECT": "my-project"})


@pytest.mark.parametrize(
    ("account", "url"),
    [
        ("amazon", "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1"),
        (
            "google",
            "https://us-east4-aiplatform.googleapis.com/v1beta1/projects/my-project/locations/us-east4/endpoints/openapi",
        ),
        ("microsoft", "https://contoso-us.openai.azure.com/openai/v1"),
    ],
)
def test_an_account_says_where_its_models_are(tmp_path: Path, account: str, url: str) -> None:
    assert load(tmp_path, f"account: {account}").channels[0].base_url == url


@pytest.mark.parametrize(
    ("accounts", "url"),
    [
        ("gcp: [{name: a, project: p, regions: {us-east: global}}]",
         "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/endpoints/openapi"),
        ("gcp: [{name: a, project: p, regions: {us-east: eu}}]",
         "https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/p/locations/eu/endpoints/openapi"),
        ("gcp: [{name: a, project: p, endpoint: 'https://{region}-vertex.example.com'}]",
         "https://us-east-vertex.example.com/v1beta1/projects/p/locations/us-east/endpoints/openapi"),
        ("aws: [{name: a, endpoint: 'https://vpce-1.bedrock-runtime.{region}.vpce.amazonaws.com'}]",
         "https://vpce-1.bedrock-runtime.us-east.vpce.amazonaws.com/openai/v1"),
        ("azure: [{name: a, resources: {us-east: contoso.services.ai.azure.com}}]",
         "https://contoso.services.ai.azure.com/openai/v1"),
        ("azure: [{name: a, resources: {us-east: 'http://127.0.0.1:8000'}}]", "http://127.0.0.1:8000/openai/v1"),
    ],
)  # fmt: skip
def test_multi_regions_private_links_and_hosts(tmp_path: Path, accounts: str, url: str) -> None:
    assert load(tmp_path, "account: a", accounts).channels[0].base_url == url


def test_an_address_of_its_own_wins(tmp_path: Path) -> None:
    assert (
        load(tmp_path, 'account: amazon, base_url: "http://127.0.0.1:1/v1"').channels[0].base_url
        == "http://127.0.0.1:1/v1"
    )


def test_accounts_of_both_files_are_known_and_paths_lie_beside_their_own(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "account: here",
        "gcp: [{name: there, project: p, credentials_file: there.json}]",
        "{file: cloud_providers.yaml, gcp: [{name: here, project: p, credentials_file: here.json}]}",
    )
    files = {one.name: one.credentials_file for one in settings.clouds.gcp}
    assert files == {"here": tmp_path / "here.json", "there": tmp_path / "there.json"}
    assert set(accounts_of(settings.clouds)) == {"here", "there"}


@pytest.mark.parametrize(
    ("channel", "accounts", "message", "hint"),
    [
        ("account: amazonn", "", "channels[0].account: there is no account 'amazonn'", "accounts: amazon, google, microsoft"),
        ("", "", "channels[0].base_url: is required", "base_url: https://api.openai.com/v1"),
        ("account: amazon, api_key: '${SECRET}'", "", "amazon proves already who is calling", "one of the two"),
        ("account: amazon, adapter: bedrock", "", "finds its cloud's credentials by itself", "take account or adapter"),
        ("account: amazon, dialect: anthropic", "", "no address for the dialect anthropic", ""),
        ("account: a", "azure: [{name: a, resources: {eu-west: contoso}}]", "a has no resource for the region 'us-east'",
         "its resources are for: eu-west"),
        ("account: a", "aws: [{name: a}, {name: a}]", "'a' is taken already by another account", "name of its own"),
        ("account: a", "aws: [{name: a, profil: p}]", "cloud_providers.yaml:1: aws[0].profil: there is no such setting",
         "did you mean profile?"),
        ("account: a", "aws: [{name: a, secret_access_key: abc, access_key_id: abc}]", "a secret must not stand in the file",
         "${NAME}"),
        ("account: a", "aws: [{name: a, access_key_id: '${SECRET}'}]", "access_key_id and secret_access_key go together", ""),
        ("account: a", "aws: [{name: a, profile: p, api_key: '${SECRET}'}]", "one of api_key, profile and access_key_id", ""),
        ("account: a", "azure: [{name: a, resources: {us-east: c}, client_secret: '${SECRET}'}]",
         "tenant_id, client_id and client_secret together", ""),
        ("account: a", "azure: [{name: a, resources: {us-east: 'c/../d'}}]", "azure[0].resources.us-east", ""),
        ("account: a", "gcp: [{name: a, project: 'A B'}]", "gcp[0].project", ""),
        ("account: a", "gcp: {name: a}", "gcp: must be a list", ""),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_where_it_stands(
    tmp_path: Path, channel: str, accounts: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, channel, accounts)
    assert message in str(raised.value)
    assert hint in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read"):
        load(tmp_path, "account: a", inline="{file: none.yaml}")


def test_no_secret_of_an_account_is_shown(tmp_path: Path) -> None:
    settings = load(
        tmp_path, "account: a", "azure: [{name: a, resources: {us-east: c}, api_key: '${SECRET}'}]"
    )
    assert "'s'" not in repr(settings)
    assert settings.clouds.azure[0].api_key is not None

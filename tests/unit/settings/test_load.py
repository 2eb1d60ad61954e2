"""What a good file means, and what is said when several things are wrong at once."""

import re
from pathlib import Path

import pytest

from foreroute.core.errors import ConfigError
from foreroute.settings import Settings, load_settings, parse_settings

EXAMPLE = Path(__file__).parents[3] / "configs/foreroute.yaml"
KEYS = {"OPENAI_API_KEY": "sk-one", "AZURE_OPENAI_API_KEY": "sk-two"}
GOOD = """
channels:
  - {id: one, provider: openai, region: us-east, model: m, base_url: "http://127.0.0.1:1/v1", api_key: "${KEY:-k}"}
routes:
  - {model: chat, targets: [{channel: one}]}
"""


def parse(text: str, **environment: str) -> Settings:
    return parse_settings(text.encode(), name="f.yaml", environment=environment)


def test_the_example_needs_two_keys_and_nothing_else() -> None:
    settings = load_settings(EXAMPLE, KEYS)
    assert [channel.id for channel in settings.channels] == ["openai-us", "azure-eu", "local-vllm"]
    assert settings.routes[0].objective is not None
    assert settings.routes[0].objective.limit == pytest.approx(0.9)


def test_the_example_without_its_keys_names_both() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(EXAMPLE, {})
    assert re.findall(r"variable (\w+) is not set", str(caught.value)) == list(KEYS)


def test_several_problems_are_said_at_once_in_the_order_of_the_file() -> None:
    text = "routes: []\nchannels:\n  - {provider: openai}\nlog: {level: loud}\n"
    with pytest.raises(ConfigError) as caught:
        parse(text)
    heads = [line for line in str(caught.value).splitlines() if line.startswith("f.yaml")]
    assert [re.match(r"f\.yaml:(\d+): ([^:]+):", head).groups() for head in heads] == [  # type: ignore[union-attr]
        ("1", "routes"),
        ("3", "channels[0].id"),
        ("3", "channels[0].region"),
        ("3", "channels[0].model"),
        ("3", "channels[0].base_url"),
        ("4", "log.level"),
    ]


def test_what_follows_from_another_problem_is_left_out() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD + "gateway: {port: '${PORT}'}\n")
    assert "PORT is not set" in str(caught.value)
    assert "integer" not in str(caught.value)


@pytest.mark.parametrize(("given", "port"), [("", 9000), ("8123", 8123)])
def test_a_variable_may_have_a_default_which_also_stands_in_for_an_empty_one(given: str, port: int) -> None:
    assert parse(GOOD + "gateway: {port: '${PORT:-9000}'}\n", PORT=given).gateway.port == port


def test_a_number_is_no_secret_either() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD.replace('"${KEY:-k}"', "123456"))
    assert "123456" not in str(caught.value)
    assert str(caught.value).count("f.yaml:") == 1


def test_relative_playbooks_are_found_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(GOOD + "heal: {playbooks: my_playbooks.yaml}\n")
    assert load_settings(file, {}).heal.playbooks == tmp_path / "my_playbooks.yaml"


def test_a_byte_order_mark_is_no_fault() -> None:
    assert parse_settings(b"\xef\xbb\xbf" + GOOD.encode(), name="f", environment={}).routes[0].model == "chat"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n--- \nb: 2\n", "found another document"),
        ("? [a, b]\n: c\n", "a key must be a plain word"),
        ("channels: !!int many\n", "cannot be read as a value"),
        ("channels: " + "[" * 5000, "nested too deeply"),
        ("a: \x00\n", "not valid YAML"),
        ("channels: *nobody\n", "undefined alias"),
    ],
)
def test_strange_yaml_is_a_config_error(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(text)


def test_an_address_with_a_password_is_not_repeated_even_if_all_else_is_wrong() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD.replace("http://127.0.0.1:1/v1", "ftp://me:hunter2@h:99999"))
    assert "hunter2" not in str(caught.value)

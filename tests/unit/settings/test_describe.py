"""Schema, reference page and the masked view are made from the models, and agree with them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from foreroute.settings import load_settings, parse_settings
from foreroute.settings.describe import sections
from foreroute.settings.model import Settings
from foreroute.settings.redact import MASK, shown
from foreroute.settings.reference import reference
from foreroute.settings.schema import settings_schema

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "configs/foreroute.yaml"
BAD = ROOT / "tests/data/config"
KEYS = {"OPENAI_API_KEY": "sk-one", "AZURE_OPENAI_API_KEY": "sk-two"}
_KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def accepts(schema: dict[str, Any], node: dict[str, Any], value: Any) -> bool:
    """As much of JSON Schema as our own schema uses."""
    if "$ref" in node and not accepts(schema, schema["$defs"][node["$ref"].rpartition("/")[2]], value):
        return False
    if "anyOf" in node and not any(accepts(schema, choice, value) for choice in node["anyOf"]):
        return False
    if "type" in node and not isinstance(value, _KINDS[node["type"]]):
        return False
    if isinstance(value, dict):
        known = node.get("properties", {})
        rest = node.get("additionalProperties", True)
        return set(node.get("required", ())) <= set(value) and all(
            accepts(schema, known[key], one)
            if key in known
            else (accepts(schema, rest, one) if isinstance(rest, dict) else rest)
            for key, one in value.items()
        )
    if isinstance(value, list):
        items = node.get("items", {})
        return len(value) >= node.get("minItems", 0) and all(accepts(schema, items, one) for one in value)
    return (
        value in node.get("enum", [value])
        and (not isinstance(value, str) or re.search(node.get("pattern", ""), value) is not None)
        and (
            not isinstance(value, int | float)
            or node.get("minimum", value) <= value <= node.get("maximum", value)
        )
    )


def raw(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_the_schema_accepts_the_example_as_it_is_written() -> None:
    schema = settings_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "Foreroute configuration"
    assert schema["required"] == ["channels", "routes"]
    assert schema["additionalProperties"] is False
    assert accepts(schema, schema, raw(EXAMPLE))


@pytest.mark.parametrize(
    "name",
    [
        "unknown_key", "unknown_section", "literal_secret", "negative_price", "duration_without_unit", "bad_ratio",
        "missing_required", "no_channels", "bad_name", "top_level_list", "section_as_text", "bad_money",
    ],
)  # fmt: skip
def test_the_schema_refuses_what_needs_no_second_look(name: str) -> None:
    schema = settings_schema()
    assert not accepts(schema, schema, raw(BAD / f"{name}.yaml"))


def test_defaults_in_the_schema_stand_as_in_a_file() -> None:
    timeouts = settings_schema()["$defs"]["TimeoutSettings"]["properties"]
    assert timeouts["first_chunk"]["default"] == "1m"
    assert all(entry["description"] for entry in timeouts.values())


def test_every_setting_says_what_it_means() -> None:
    for model in sections():
        assert model.__doc__, model
        for key, info in model.model_fields.items():
            is_section = any(
                other.__name__ in str(info.annotation) for other in sections() if other is not Settings
            )
            assert info.description or is_section, f"{model.__name__}.{key}"


def test_the_page_has_a_row_for_every_setting() -> None:
    page = reference()
    for model in sections():
        for key in model.model_fields:
            assert f"| `{key}` |" in page
    assert "| `port` | whole number | `8080` | ≥ 0, ≤ 65535 | 0 takes a free port. |" in page
    assert "None" not in page


def test_links_on_the_page_lead_to_its_headings() -> None:
    page = reference()
    headings = {re.sub(r"[^\w-]", "", head.lower()) for head in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings


def test_the_masked_view_shows_everything_but_secrets() -> None:
    text = EXAMPLE.read_text() + 'dashboard: {admin_key: "${ADMIN}"}\n'
    text = text.replace("gateway:\n", 'gateway:\n  api_keys: ["${CLIENT}"]\n')
    environment = KEYS | {"ADMIN": "sk-three", "CLIENT": "sk-four"}
    settings = parse_settings(text.encode(), name="f", environment=environment)
    view = shown(settings)
    assert "sk-" not in json.dumps(view)
    assert view["gateway"]["api_keys"] == [MASK]
    assert view["dashboard"]["admin_key"] == MASK
    assert [channel["api_key"] for channel in view["channels"]] == [MASK, MASK, None]
    assert view["routes"][0]["objective"]["limit"] == "900ms"
    assert view["budgets"][0]["limit_usd"] == "500"


def test_without_secrets_the_masked_view_is_a_file_of_its_own() -> None:
    text = yaml.safe_load(EXAMPLE.read_text())
    for channel in text["channels"]:
        channel.pop("api_key", None)
    settings = parse_settings(yaml.safe_dump(text).encode(), name="f", environment={})
    again = parse_settings(yaml.safe_dump(shown(settings)).encode(), name="f", environment={})
    assert again == settings
    assert load_settings(EXAMPLE, KEYS) != settings

"""The JSON schema of the configuration file, for editors: completion, meaning on hover, a mark below mistakes."""

from typing import Any, Final

from pydantic import BaseModel

from foreroute.settings.describe import is_secret, section_of, sections, written_defaults
from foreroute.settings.model import Settings

SCHEMA_ID: Final = "urn:foreroute:schema:configuration"
_VARIABLE: Final = {"$ref": "#/$defs/Variable"}
_VARIABLE_DEF: Final = {
    "description": "Taken from the environment: `${NAME}` or `${NAME:-default}`.",
    "type": "string",
    "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}",
}
_KEPT_OUTSIDE: Final = ("title", "description", "default")


def settings_schema() -> dict[str, Any]:
    """Draft 2020-12, of the file as it is written: durations as `30s`, any value also as `${NAME}`."""
    schema = Settings.model_json_schema(mode="validation")
    models = {model.__name__: model for model in sections()}
    for name, definition in [("Settings", schema), *schema["$defs"].items()]:
        if name in models:
            _describe(definition, models[name])
    definitions = {name: _open(one) for name, one in schema.pop("$defs").items()}
    body = _open(schema) | {
        "title": "Foreroute configuration",
        "$defs": definitions | {"Variable": dict(_VARIABLE_DEF)},
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **body}


def _describe(definition: dict[str, Any], model: type[BaseModel]) -> None:
    """Defaults as people write them, no derived titles, and secrets only from the environment."""
    defaults = written_defaults(model)
    for key, info in model.model_fields.items():
        entry = definition["properties"][key]
        entry.pop("title", None)
        entry.pop("default", None)
        if key in defaults and section_of(info) is None:
            entry["default"] = defaults[key]
        if is_secret(info):
            secret = dict(_VARIABLE)
            definition["properties"][key] = {
                "description": entry["description"],
                **({"type": "array", "items": secret} if entry.get("type") == "array" else secret),
            }


def _open(node: dict[str, Any]) -> dict[str, Any]:
    """The same schema, with `${NAME}` allowed wherever a value is bound to more than any text."""
    inside = {
        key: {name: _open(one) for name, one in value.items()} if key == "properties" else value
        for key, value in node.items()
    }
    for key in ("items", "additionalProperties"):
        if isinstance(inside.get(key), dict):
            inside[key] = _open(inside[key])
    choices = inside.get("anyOf", [inside])
    if not any(_is_bound(choice) for choice in choices):
        return inside
    outside = {key: inside[key] for key in _KEPT_OUTSIDE if key in inside}
    bare = [{key: choice[key] for key in choice if key not in _KEPT_OUTSIDE} for choice in choices]
    return outside | {"anyOf": [*bare, dict(_VARIABLE)]}


def _is_bound(node: dict[str, Any]) -> bool:
    kind = node.get("type")
    return kind in ("integer", "number", "boolean") or (
        kind == "string" and ("pattern" in node or "enum" in node)
    )

"""An example value for a JSON schema: what a fake model answers where a schema is asked for."""

from collections.abc import Mapping
from typing import Any

import orjson

_EXAMPLES: Mapping[str, Any] = {"string": "value", "integer": 1, "number": 1.5, "boolean": True, "null": None}
_FORMATS: Mapping[str, str] = {
    "date": "2026-01-02",
    "date-time": "2026-01-02T03:04:05Z",
    "time": "03:04:05Z",
    "duration": "PT1S",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "127.0.0.1",
}
_DEPTH_MAX = 4
"""Where a schema contains itself, optional parts are left out from here on."""


def filled(schema: Mapping[str, Any]) -> Any:
    """A value that the schema allows, as far as its types, enums, bounds, lengths and references say. Same schema, same value."""
    return _fill(schema, schema, 0)


def filled_text(schema: Mapping[str, Any]) -> str:
    return orjson.dumps(filled(schema)).decode()


def _fill(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return _fill(_chosen(choices, root, depth), root, depth)
    return _of_type(_type_of(schema), schema, root, depth)


def _of_type(kind: str, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    match kind:
        case "object":
            return _object(schema, root, depth)
        case "array":
            one = schema.get("items")
            items = one if isinstance(one, dict) else {}
            return [_fill(items, root, depth + 1) for _ in range(schema.get("minItems", 0))]
        case "string":
            return _string(schema)
        case "integer" | "number":
            return _number(schema, kind)
        case _:
            return _EXAMPLES.get(kind, {})


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without `$ref` and `allOf` at its top."""
    while "$ref" in schema:
        target: Any = root
        for step in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
            target = target.get(step.replace("~1", "/").replace("~0", "~"), {}) if step else target
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    for part in schema.get("allOf", ()):
        other = _resolved(part, root)
        properties = {**schema.get("properties", {}), **other.get("properties", {})}
        required = [*schema.get("required", ()), *other.get("required", ())]
        schema = {
            **schema,
            **other,
            **({"properties": properties, "required": required} if properties else {}),
        }
    return schema


def _chosen(choices: list[Mapping[str, Any]], root: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
    """The first choice; null, where there is one, when the schema has gone round often enough."""
    nothing = [choice for choice in choices if _resolved(choice, root).get("type") == "null"]
    return nothing[0] if nothing and depth > _DEPTH_MAX else choices[0]


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind is None and "properties" in schema:
        kind = "object"
    return str(kind)


def _object(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    required = schema.get("required", ())
    return {
        name: _fill(part, root, depth + 1)
        for name, part in (schema.get("properties") or {}).items()
        if depth <= _DEPTH_MAX or name in required
    }


def _string(schema: Mapping[str, Any]) -> str:
    text: str = _FORMATS.get(schema.get("format", ""), _EXAMPLES["string"])
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


def _number(schema: Mapping[str, Any], kind: str) -> float:
    value: float = _EXAMPLES[kind]
    step: float = schema.get("multipleOf", 1 if kind == "integer" else 0.5)
    low = max(
        (
            schema[key] + (step if key.startswith("ex") else 0)
            for key in ("minimum", "exclusiveMinimum")
            if key in schema
        ),
        default=value,
    )
    high = min(
        (
            schema[key] - (step if key.startswith("ex") else 0)
            for key in ("maximum", "exclusiveMaximum")
            if key in schema
        ),
        default=max(value, low),
    )
    value = min(max(value, low), high)
    return int(value) if kind == "integer" else value

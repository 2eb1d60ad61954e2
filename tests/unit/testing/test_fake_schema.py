"""Values made for schemas are valid for them: judged by pydantic, which also wrote the schemas."""

import datetime as dt
import uuid
from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from foreroute.testing.fake_schema import filled, filled_text


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Tree(BaseModel):
    name: str
    left: "Tree | None" = None
    right: "Tree | None"


class Everything(BaseModel):
    text: Annotated[str, Field(min_length=7, max_length=9)]
    count: Annotated[int, Field(ge=10, lt=12)]
    ratio: Annotated[float, Field(gt=0.0, lt=1.0)]
    below: Annotated[int, Field(le=-5)]
    colour: Colour
    kind: Literal["only"]
    either: int | str
    many: Annotated[list[Colour], Field(min_length=2)]
    at: dt.datetime
    day: dt.date
    ident: uuid.UUID
    free: dict[str, int]
    nothing: None
    flag: bool
    tree: Tree


@pytest.mark.parametrize("kind", [Everything, Tree, Colour, int, list[int], dict[str, str], str | None])
def test_a_made_value_is_valid(kind):
    adapter = TypeAdapter(kind)
    schema = adapter.json_schema()
    value = adapter.validate_json(filled_text(schema))
    assert adapter.validate_json(filled_text(schema)) == value, "the same schema, the same value"


def test_a_schema_in_parts_counts_as_one():
    parts = {
        "allOf": [
            {"$ref": "#/$defs/a~1b"},
            {"properties": {"two": {"type": ["integer", "null"]}}, "required": ["two"]},
        ],
        "$defs": {"a/b": {"type": "object", "properties": {"one": {"const": 1}}}},
    }
    assert filled(parts) == {"one": 1, "two": 1}


def test_nothing_asked_is_an_empty_object():
    assert filled({}) == {}
    assert filled({"type": "object"}) == {}

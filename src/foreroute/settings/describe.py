"""What the models say about themselves, for the schema, the reference page and error messages."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from foreroute.settings.model import Settings


def sections(model: type[BaseModel] = Settings) -> Iterator[type[BaseModel]]:
    """The model and all those inside it, in the order of the file; a model that is used twice comes twice."""
    yield model
    for info in model.model_fields.values():
        inner = section_of(info)
        if inner is not None:
            yield from sections(inner)


def section_of(info: FieldInfo) -> type[BaseModel] | None:
    """The model of a key that holds a section, an optional section, or a list of them."""
    candidates = [info.annotation, *get_args(info.annotation)]
    models = [one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)]
    return models[0] if models else None


def is_secret(info: FieldInfo) -> bool:
    return SecretStr in (info.annotation, *get_args(info.annotation))


def written_defaults(model: type[BaseModel]) -> dict[str, Any]:
    """The defaults as they would stand in the file; keys that are required or unset by default are left out."""
    bare = model.model_construct().model_dump(mode="json")
    given = {key for key, info in model.model_fields.items() if not info.is_required()}
    return {key: value for key, value in bare.items() if key in given and value is not None}

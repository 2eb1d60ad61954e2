"""Settings for the eyes of people: nothing in them opens a door."""

from typing import Any, Final

from pydantic import BaseModel

from foreroute.settings.describe import is_secret
from foreroute.settings.model import Settings

MASK: Final = "***"


def shown(settings: Settings) -> dict[str, Any]:
    """All that is in force, defaults included, as it would stand in the file; each secret is `***`."""
    return _shown(settings)


def _shown(section: BaseModel) -> dict[str, Any]:
    written = section.model_dump(mode="json")
    for key, info in type(section).model_fields.items():
        value = getattr(section, key)
        if is_secret(info):
            written[key] = [MASK for _ in value] if isinstance(value, tuple) else (MASK if value else None)
        elif isinstance(value, BaseModel):
            written[key] = _shown(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            written[key] = [_shown(one) for one in value]
    return written

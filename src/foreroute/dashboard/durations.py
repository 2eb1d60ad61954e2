"""Durations as people write them, in the API."""

import re
from typing import Any, Final

from foreroute.core.fields import BadField

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_FORM: Final = re.compile(r"([0-9]{1,9})(s|m|h|d|w)")


def duration_s(value: Any, where: str) -> float:
    """`90m`, `12h`, `30d`, `2w`: longer than nothing. Raises BadField."""
    match = _FORM.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        shown = repr(value[:40]) if isinstance(value, str) else "that"
        raise BadField(where, f"{shown} is not a duration", "a number and one of s, m, h, d, w, such as 30d")
    return int(match[1]) * _UNITS[match[2]]

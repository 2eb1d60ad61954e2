"""Durations as playbooks write them."""

import re
from typing import Any, Final

_UNIT_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhd])")


def seconds(value: Any) -> float:
    """`30s`, `10m`, `2h` to seconds. Raises ValueError with what would be right."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a number and a unit, such as 30s, 10m or 2h")
    return float(match[1]) * _UNIT_S[match[2]]


def words(value: float) -> str:
    """As a person would write it."""
    for unit in ("d", "h", "m"):
        if value >= _UNIT_S[unit] and value % _UNIT_S[unit] == 0:
            return f"{value / _UNIT_S[unit]:g}{unit}"
    return f"{value:g}s"

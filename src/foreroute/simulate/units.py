"""Durations and instants as people write them in worlds and scenarios."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

_UNIT_S: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_EXACT_S: Final = {unit: Decimal(repr(length)) for unit, length in _UNIT_S.items()}
_DURATION: Final = re.compile(r"(-?\d+(?:\.\d+)?)\s*(us|ms|s|m|h|d)")


def seconds(value: Any) -> float:
    """`250us`, `30s`, `2h` to seconds. Raises ValueError with what would be right."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration; write a number and a unit, such as 30s, 10m or 2h")
    return float(Decimal(match[1]) * _EXACT_S[match[2]])


def write_seconds(value: float) -> str:
    """As a person would write it; reading it back gives the same value, to twelve digits."""
    if value == 0.0:
        return "0s"
    for unit in ("d", "h", "m", "s"):
        if value % _UNIT_S[unit] == 0:
            return f"{value / _UNIT_S[unit]:.0f}{unit}"
    unit = "us" if abs(value) < 1e-3 else "ms" if abs(value) < 1.0 else "s"
    return f"{Decimal(f'{value / _UNIT_S[unit]:.12g}').normalize():f}{unit}"


def instant(value: Any) -> float:
    """`2026-03-02T00:00:00Z` to seconds since the epoch; without a zone it is UTC. Raises ValueError."""
    if isinstance(value, datetime):
        found = value
    else:
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            raise ValueError(f"{value!r} is not an instant; write it as 2026-03-02T09:00:00Z") from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()


def write_instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def money(value: Any) -> Decimal:
    """US dollars, exact. Raises ValueError."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is not an amount of US dollars; write a number, such as 0.15") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"an amount of US dollars is zero or more, not {value}")
    return amount


_PATTERN: Final = r"^\s*-?\d+(\.\d+)?\s*(us|ms|s|m|h|d)\s*$"
_WRITTEN: Final = WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["250ms", "30s", "2h"]})
_Seconds = Annotated[float, BeforeValidator(seconds), PlainSerializer(write_seconds, return_type=str)]
Offset = Annotated[_Seconds, _WRITTEN]
"""May be negative."""
Span = Annotated[_Seconds, Field(ge=0), _WRITTEN]
Duration = Annotated[_Seconds, Field(gt=0), _WRITTEN]
Instant = Annotated[
    float,
    BeforeValidator(instant),
    PlainSerializer(write_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-02T00:00:00Z"]}),
]
Usd = Annotated[
    Decimal,
    BeforeValidator(money),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}),
]
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]

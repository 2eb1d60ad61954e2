"""Durations, sizes and money as people write them."""

import math
import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2}
_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


def seconds(value: Any) -> float:
    """`250ms`, `30s`, `5m`, `1h`, `30d` to seconds. Raises ValueError with what would be right."""
    return _number(value, _SECONDS, "a duration", "30s, 5m or 250ms")


def size(value: Any) -> int:
    """`50MB`, `512KiB` to bytes."""
    return round(_number(value, {unit: float(factor) for unit, factor in _BYTES.items()}, "a size", "50MB"))


def money(value: Any) -> Decimal:
    """A US dollar amount, exact: `500`, `0.15`, `"0.15"`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("an amount of US dollars is a number, such as 0.15")  # noqa: TRY004 - pydantic's contract
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is not an amount of US dollars; write a number, such as 0.15") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"an amount of US dollars is zero or more, not {value}")
    return amount


def write_seconds(value: float) -> str:
    """As a person would write it; reading it back gives exactly the same value."""
    for unit in ("d", "h", "m"):
        if value % _SECONDS[unit] == 0 and value >= _SECONDS[unit]:
            return f"{value / _SECONDS[unit]:.0f}{unit}"
    short = f"{value * 1000:g}ms"
    exact = f"{Decimal(repr(value)).normalize():f}s"
    return short if value < 1 and "e" not in short and seconds(short) == value else exact


def write_size(value: int) -> str:
    for unit in ("GB", "MB", "kB"):
        if value % _BYTES[unit] == 0:
            return f"{value // _BYTES[unit]}{unit}"
    return f"{value}B"


def _number(value: Any, units: dict[str, float], what: str, example: str) -> float:
    match = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"{value!r} is not {what}; write a number and a unit, such as {example}")
    number = float(match[1]) * units[match[2]]
    if not math.isfinite(number):
        raise ValueError(
            f"{what} as long as that makes no sense; write a number and a unit, such as {example}"
        )
    return number


def _schema(units: dict[str, Any], *examples: str) -> WithJsonSchema:
    pattern = rf"^\s*\d+(\.\d+)?\s*({'|'.join(units)})\s*$"
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    PlainSerializer(write_seconds, return_type=str),
    Field(gt=0),
    _schema(_SECONDS, "250ms", "30s", "5m"),
]
Size = Annotated[
    int,
    BeforeValidator(size),
    PlainSerializer(write_size, return_type=str),
    Field(gt=0),
    _schema(_BYTES, "50MB"),
]
Usd = Annotated[
    Decimal,
    BeforeValidator(money),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?$"}]}
    ),
]
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]

"""Durations, sizes and money as people write them."""

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer

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
    return f"{value * 1000:g}ms" if 0 < value < 1 else f"{value:.12g}s"


def _number(value: Any, units: dict[str, float], what: str, example: str) -> float:
    match = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"{value!r} is not {what}; write a number and a unit, such as {example}")
    return float(match[1]) * units[match[2]]


Duration = Annotated[
    float,
    BeforeValidator(seconds, json_schema_input_type=str),
    PlainSerializer(write_seconds, return_type=str),
    Field(gt=0),
]
Size = Annotated[
    int,
    BeforeValidator(size, json_schema_input_type=str),
    PlainSerializer(lambda value: f"{value}B", return_type=str),
    Field(gt=0),
]
Usd = Annotated[
    Decimal,
    BeforeValidator(money, json_schema_input_type=float | str),
    PlainSerializer(str, return_type=str),
]
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]

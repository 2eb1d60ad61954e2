"""Reads a JSON object field by field, and refuses what it does not know: strict, and in words for a person."""

import math
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, TypeVar

from foreroute.core.errors import ForerouteError

_T = TypeVar("_T")
_S = TypeVar("_S", bound=StrEnum)
_MISSING: Final = object()


class BadField(ForerouteError):  # noqa: N818 - reads as what it says
    """A value that cannot be used: where it stands, what is wrong, and what would be right."""

    def __init__(self, where: str, message: str, hint: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where
        self.message = message
        self.hint = hint


class Fields:
    """One object's fields, each taken once; `end` refuses the rest. Every method raises BadField."""

    def __init__(self, value: Any, where: str = "", *, hint: str = "") -> None:
        if not isinstance(value, dict):
            raise BadField(where, f"must be an object, not {_kind(value)}", hint)
        self._left: dict[str, Any] = dict(value)
        self._known: list[str] = []
        self._where = where

    def at(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name

    def has(self, name: str) -> bool:
        """Whether it was given, null included."""
        return name in self._left

    def take(self, name: str, read: Callable[[Any, str], _T], default: Any = _MISSING) -> _T:
        """Null counts as not given. A field without a default must be given."""
        self._known.append(name)
        value = self._left.pop(name, None)
        if value is not None:
            return read(value, self.at(name))
        if default is _MISSING:
            raise BadField(self.at(name), "is missing")
        return default  # type: ignore[no-any-return]

    def end(self) -> None:
        for name in self._left:
            raise BadField(self.at(str(name)), "there is no such field", f"known: {', '.join(self._known)}")


def text(*, longest: int, empty: bool = False) -> Callable[[Any, str], str]:
    """One line of printable characters without spaces around it."""

    def read(value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise BadField(where, f"must be a text, not {_kind(value)}")
        if not (empty or value) or len(value) > longest or not value.isprintable() or value != value.strip():
            least = 0 if empty else 1
            raise BadField(where, f"must be one line of {least} to {longest} characters, not {value[:40]!r}")
        return value

    return read


def flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadField(where, f"must be true or false, not {_kind(value)}")
    return value


def whole(*, least: int, most: int = 10**12) -> Callable[[Any, str], int]:
    def read(value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            shown = value if isinstance(value, int | float) else _kind(value)
            raise BadField(where, f"must be a whole number from {least} to {most}, not {shown}")
        return value

    return read


def instant(value: Any, where: str) -> float:
    """Seconds since the epoch, up to the year 9999."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or not 0 <= value <= 253_402_300_799:
        raise BadField(
            where, f"must be seconds since the epoch, not {value if good else _kind(value)}", "1798761600"
        )
    return float(value)


def usd(value: Any, where: str) -> Decimal:
    """An amount of US dollars, exact: `"10"`, `0.15`. At most a billion, in pico-dollars or coarser."""
    hint = 'a number of US dollars, such as "10" or 0.15'
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadField(where, f"must be an amount, not {_kind(value)}", hint)
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise BadField(where, f"must be an amount, not {str(value)[:40]!r}", hint) from None
    if not amount.is_finite() or not 0 <= amount <= 10**9 or amount != round(amount, 12):
        raise BadField(where, f"must be from 0 to 1000000000 dollars, not {str(value)[:40]}", hint)
    return amount


def one_of(kind: type[_S]) -> Callable[[Any, str], _S]:
    def read(value: Any, where: str) -> _S:
        try:
            return kind(value)
        except ValueError:
            shown = repr(value[:40]) if isinstance(value, str) else _kind(value)
            raise BadField(where, f"there is no {shown}", f"known: {', '.join(kind)}") from None

    return read


def several(read: Callable[[Any, str], _T], *, most: int) -> Callable[[Any, str], tuple[_T, ...]]:
    """A list without repetitions."""

    def read_all(value: Any, where: str) -> tuple[_T, ...]:
        if not isinstance(value, list | tuple):
            raise BadField(where, f"must be a list, not {_kind(value)}")
        if len(value) > most:
            raise BadField(where, f"must be a list of at most {most}, not of {len(value)}")
        found = tuple(read(one, f"{where}[{number}]") for number, one in enumerate(value))
        _refuse_twins(found, where)
        return found

    return read_all


def _refuse_twins(values: Iterable[Any], where: str) -> None:
    seen: list[Any] = []
    for number, value in enumerate(values):
        if value in seen:
            raise BadField(f"{where}[{number}]", "stands there twice")
        seen.append(value)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)

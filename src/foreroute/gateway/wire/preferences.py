"""What a request may say about who serves it: OpenRouter's `provider` object and `models` list."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from foreroute.core.ids import RouteName
from foreroute.gateway.wire.errors import ErrorAnswer

OURS: Final = ("provider", "models")
"""Members of the body that are for the gateway alone: an upstream would refuse them."""
_NAMES_MAX: Final = 32
_SLO_MS_MAX: Final = 3_600_000.0


class Sort(StrEnum):
    PRICE = "price"
    LATENCY = "latency"
    THROUGHPUT = "throughput"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Channels are named by their id or by their provider's name."""

    order: tuple[str, ...] = ()
    """Asked first, in this order."""
    only: frozenset[str] = frozenset()
    """Nobody else is asked; empty: anyone."""
    ignore: frozenset[str] = frozenset()
    sort: Sort | None = None
    input_price_max: Decimal | None = None
    """US dollars per million tokens. A channel without a known price is not asked then."""
    output_price_max: Decimal | None = None
    fallbacks: bool = True
    """False: nobody who is not in `order` is asked, if there is one."""
    first_chunk_max_s: float | None = None
    """Channels that usually take longer are asked after the others."""
    models: tuple[RouteName, ...] = ()
    """Routes to try when every channel of the one asked for has failed."""


NO_PREFERENCES: Final = Preferences()


def read_preferences(fields: Mapping[str, Any]) -> Preferences | ErrorAnswer:
    """NO_PREFERENCES itself where there are none."""
    provider, models = fields.get("provider"), fields.get("models")
    if provider is None and models is None:
        return NO_PREFERENCES
    try:
        return _preferences({} if provider is None else provider, [] if models is None else models)
    except _Wrong as wrong:
        return ErrorAnswer(status=400, message=str(wrong), param=wrong.param)


class _Wrong(ValueError):  # noqa: N818 - never leaves this module
    def __init__(self, param: str, message: str) -> None:
        super().__init__(f"`{param}` {message}.")
        self.param = param


def _preferences(provider: Any, models: Any) -> Preferences:
    if not isinstance(provider, dict):
        raise _Wrong("provider", "must be an object")
    if unknown := sorted(set(provider) - _KNOWN):
        raise _Wrong(f"provider.{unknown[0]}", f"is not supported; known are {', '.join(sorted(_KNOWN))}")
    price = provider.get("max_price") or {}
    if not isinstance(price, dict) or set(price) - {"prompt", "completion"}:
        raise _Wrong("provider.max_price", "must be an object of `prompt` and `completion`")
    fallbacks = provider.get("allow_fallbacks", True)
    if not isinstance(fallbacks, bool):
        raise _Wrong("provider.allow_fallbacks", "must be true or false")
    return Preferences(
        order=_names(provider, "order"),
        only=frozenset(_names(provider, "only")),
        ignore=frozenset(_names(provider, "ignore")),
        sort=_sort(provider.get("sort")),
        input_price_max=_price(price, "prompt"),
        output_price_max=_price(price, "completion"),
        fallbacks=fallbacks,
        models=tuple(RouteName(name) for name in _list("models", models)),
    )


_KNOWN: Final = frozenset({"order", "only", "ignore", "sort", "max_price", "allow_fallbacks"})


def _names(provider: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = provider.get(key)
    return () if value is None else _list(f"provider.{key}", value)


def _list(param: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _Wrong(param, "must be a list of strings")
    if len(value) > _NAMES_MAX:
        raise _Wrong(param, f"must have at most {_NAMES_MAX} entries")
    return tuple(value)


def _sort(value: Any) -> Sort | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in set(Sort):
        raise _Wrong("provider.sort", f"must be one of {', '.join(Sort)}")
    return Sort(value)


def _price(price: Mapping[str, Any], key: str) -> Decimal | None:
    value = price.get(key)
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise _Wrong(f"provider.max_price.{key}", "must be a number of US dollars per million tokens")
    return number


def read_slo(header: bytes | None) -> float | ErrorAnswer | None:
    """`x-slo-ttft-ms`: how many milliseconds to the first chunk the caller can bear. In seconds."""
    if header is None:
        return None
    try:
        wished_ms = float(header)
    except ValueError:
        wished_ms = -1.0
    if not 0.0 < wished_ms < _SLO_MS_MAX:
        message = "`x-slo-ttft-ms` must be a number of milliseconds, such as 800."
        return ErrorAnswer(status=400, message=message, param="x-slo-ttft-ms")
    return wished_ms / 1000.0

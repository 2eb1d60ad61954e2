"""Mergeable quantile sketches (DDSketch, Masson et al. 2019) as compact bytes.

Any quantile is within 1 % of the exact one (by the same interpolation); merging sketches equals sketching
the merged values. About two bytes per bin: a format byte, then bin numbers as gaps and counts as varints.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final

from ddsketch.mapping import LogarithmicMapping

RELATIVE_ACCURACY: Final = 0.01
_FORMAT: Final = 1
_SMALLEST: Final = 1e-9
_BINS: Final = LogarithmicMapping(RELATIVE_ACCURACY)
"""Which bin a value belongs to, and what a bin stands for; it never changes."""


def encode(values: Iterable[float]) -> bytes:
    """A sketch of positive values (seconds); empty bytes for no values."""
    counts: dict[int, int] = {}
    for value in values:
        key = _BINS.key(max(value, _SMALLEST))
        counts[key] = counts.get(key, 0) + 1
    return _pack(counts)


def merge(sketches: Iterable[bytes]) -> bytes:
    """Raises ValueError on bytes that are no sketch of this format."""
    total: dict[int, int] = {}
    for sketch in sketches:
        for key, count in _unpack(sketch):
            total[key] = total.get(key, 0) + count
    return _pack(total)


def quantiles(sketch: bytes, ranks: Sequence[float]) -> list[float | None]:
    """The quantiles at ranks 0…1, interpolated between order statistics; None for an empty sketch."""
    bins = _unpack(sketch)
    if not bins:
        return [None] * len(ranks)
    ends = list(accumulate(count for _, count in bins))

    def nth(index: int) -> float:
        return _value(bins[bisect_right(ends, index)][0])

    found: list[float | None] = []
    for rank in ranks:
        position = rank * (ends[-1] - 1)
        below = int(position)
        low, high = nth(below), nth(min(below + 1, ends[-1] - 1))
        found.append(low + (position - below) * (high - low))
    return found


def share_above(sketch: bytes, limit: float) -> float | None:
    """The part of the values that are above a limit, 0…1, each value within 1 % of its own; None for an empty sketch."""
    bins = _unpack(sketch)
    if not bins:
        return None
    above = sum(count for key, count in bins if _BINS.value(key) > limit)
    return above / sum(count for _, count in bins)


@lru_cache(maxsize=4096)
def _value(key: int) -> float:
    """What a bin stands for."""
    return float(_BINS.value(key))


def _pack(counts: dict[int, int]) -> bytes:
    if not counts:
        return b""
    keys = sorted(counts)
    # The first bin may be negative (values under a second): zigzag. All others follow it.
    numbers = [keys[0] << 1 if keys[0] >= 0 else ~(keys[0] << 1), counts[keys[0]]]
    before = keys[0]
    for key in keys[1:]:
        numbers += (key - before, counts[key])
        before = key
    packed = bytearray((_FORMAT,))
    for number in numbers:
        _put(packed, number)
    return bytes(packed)


@lru_cache(maxsize=1024)
def _unpack(sketch: bytes) -> tuple[tuple[int, int], ...]:
    """(bin, count), ascending. Remembered: a loop that looks at the last minutes asks for the same ones again and again."""
    if not sketch:
        return ()
    if sketch[0] != _FORMAT:
        raise ValueError(f"a quantile sketch of format {sketch[0]}, not {_FORMAT}")
    zigzag, counted = _first(sketch)
    # Nearly always, gaps and counts are single bytes: then the bytes are the numbers.
    rest = sketch[counted:]
    numbers = list(rest) if rest.isascii() else list(_numbers(rest))
    keys = accumulate(numbers[1::2], initial=(zigzag >> 1) ^ -(zigzag & 1))
    return tuple(zip(keys, numbers[::2], strict=True))


def _put(packed: bytearray, number: int) -> None:
    while number >= 0x80:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)


def _first(sketch: bytes) -> tuple[int, int]:
    """The number after the format byte, and where the next one begins."""
    number = shift = 0
    place = 1
    while True:
        byte = sketch[place]
        number |= (byte & 0x7F) << shift
        shift, place = shift + 7, place + 1
        if byte < 0x80:
            return number, place


def _numbers(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0

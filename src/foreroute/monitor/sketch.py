"""Mergeable quantile sketches (DDSketch, Masson et al. 2019) as compact bytes.

Any quantile is within 1 % of the exact one (by the same interpolation); merging sketches equals sketching
the merged values. About two bytes per bin: a format byte, then bin numbers as gaps and counts as varints.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from ddsketch.mapping import LogarithmicMapping

RELATIVE_ACCURACY: Final = 0.01
_FORMAT: Final = 1
_SMALLEST: Final = 1e-9


def encode(values: Iterable[float]) -> bytes:
    """A sketch of positive values (seconds); empty bytes for no values."""
    mapping = LogarithmicMapping(RELATIVE_ACCURACY)
    counts: dict[int, int] = {}
    for value in values:
        key = mapping.key(max(value, _SMALLEST))
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
    mapping = LogarithmicMapping(RELATIVE_ACCURACY)
    ends = list(accumulate(count for _, count in bins))

    def nth(index: int) -> float:
        return float(mapping.value(bins[bisect_right(ends, index)][0]))

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
    mapping = LogarithmicMapping(RELATIVE_ACCURACY)
    above = sum(count for key, count in bins if mapping.value(key) > limit)
    return above / sum(count for _, count in bins)


def _pack(counts: dict[int, int]) -> bytes:
    if not counts:
        return b""
    packed, before = bytearray((_FORMAT,)), None
    for key in sorted(counts):
        # The first bin may be negative (values under a second): zigzag. All others follow it.
        _put(packed, (key << 1 if key >= 0 else ~(key << 1)) if before is None else key - before)
        _put(packed, counts[key])
        before = key
    return bytes(packed)


def _unpack(sketch: bytes) -> list[tuple[int, int]]:
    if not sketch:
        return []
    if sketch[0] != _FORMAT:
        raise ValueError(f"a quantile sketch of format {sketch[0]}, not {_FORMAT}")
    numbers = list(_numbers(sketch))
    zigzag = numbers[0]
    keys = accumulate(numbers[2::2], initial=(zigzag >> 1) ^ -(zigzag & 1))
    return list(zip(keys, numbers[1::2], strict=True))


def _put(packed: bytearray, number: int) -> None:
    while number >= 0x80:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)


def _numbers(sketch: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in sketch[1:]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0

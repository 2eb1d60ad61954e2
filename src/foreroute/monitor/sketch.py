"""Mergeable quantile sketches (DDSketch, Masson et al. 2019) as compact bytes.

Any quantile is within 1 % of the true value; merging sketches equals sketching the merged values.
"""

import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import orjson
from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import DenseStore

RELATIVE_ACCURACY: Final = 0.01


def encode(values: Iterable[float]) -> bytes:
    """A sketch of positive values (seconds); empty bytes for no values."""
    mapping = LogarithmicMapping(RELATIVE_ACCURACY)
    counts: dict[int, int] = {}
    for value in values:
        key = mapping.key(max(value, 1e-9))
        counts[key] = counts.get(key, 0) + 1
    return _pack(counts)


def merge(sketches: Iterable[bytes]) -> bytes:
    total: dict[int, int] = {}
    for sketch in sketches:
        for key, count in _unpack(sketch):
            total[key] = total.get(key, 0) + count
    return _pack(total)


def quantiles(sketch: bytes, ranks: Sequence[float]) -> list[float | None]:
    """The quantiles at ranks 0…1; None for an empty sketch."""
    store = DenseStore()
    for key, count in _unpack(sketch):
        store.add(key, count)
    whole = BaseDDSketch(
        mapping=LogarithmicMapping(RELATIVE_ACCURACY),
        store=store,
        negative_store=DenseStore(),
        zero_count=0.0,
    )
    if not store.count:
        return [None] * len(ranks)
    return [whole.get_quantile_value(rank) for rank in ranks]


def _pack(counts: dict[int, int]) -> bytes:
    if not counts:
        return b""
    keys = sorted(counts)
    steps = [keys[0], *(after - before for before, after in pairwise(keys))]
    return zlib.compress(orjson.dumps([steps, [counts[key] for key in keys]]), level=6)


def _unpack(sketch: bytes) -> list[tuple[int, int]]:
    if not sketch:
        return []
    steps, counts = orjson.loads(zlib.decompress(sketch))
    keys, key = [], 0
    for step in steps:
        key += step
        keys.append(key)
    return list(zip(keys, counts, strict=True))

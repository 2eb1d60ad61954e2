"""What an attempt used that plain text tokens do not say: parts of a bucket that may have a price of their own, and
units that are no tokens.

A part is inside its bucket, as reasoning is inside output: sums of buckets never change with it. A piece is in no bucket.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Extra(StrEnum):
    """A part of a bucket, in tokens, or a piece, in units of its own."""

    INPUT_AUDIO = "input_audio"
    INPUT_IMAGE = "input_image"
    INPUT_VIDEO = "input_video"
    CACHED_AUDIO = "cached_audio"
    CACHED_IMAGE = "cached_image"
    WRITTEN_1H = "written_1h"
    """Tokens written to a cache that is kept for an hour."""
    OUTPUT_AUDIO = "output_audio"
    OUTPUT_IMAGE = "output_image"
    OUTPUT_VIDEO = "output_video"
    AUDIO_MS = "audio_ms"
    """Milliseconds of audio."""
    IMAGES = "images"
    RERANKS = "reranks"
    """Search units of a reranker."""
    STORAGE_SEARCHES = "storage_searches"
    WEB_SEARCHES = "web_searches"


PART_OF: Final[Mapping[Extra, str]] = {
    Extra.INPUT_AUDIO: "input_tokens",
    Extra.INPUT_IMAGE: "input_tokens",
    Extra.INPUT_VIDEO: "input_tokens",
    Extra.CACHED_AUDIO: "cached_input_tokens",
    Extra.CACHED_IMAGE: "cached_input_tokens",
    Extra.WRITTEN_1H: "cache_write_tokens",
    Extra.OUTPUT_AUDIO: "output_tokens",
    Extra.OUTPUT_IMAGE: "output_tokens",
    Extra.OUTPUT_VIDEO: "output_tokens",
}
"""The bucket that a part is inside of. What is not named here is a piece."""

Extras = tuple[tuple[Extra, int], ...]
"""By name, each at most once and more than zero: equal contents are equal tuples."""


def extras_of(counts: Mapping[Extra, int]) -> Extras:
    """In their order, without zeros."""
    return tuple(sorted((extra, many) for extra, many in counts.items() if many > 0))


def added(ones: Iterable[Extras]) -> Extras:
    """The sum of several."""
    counts: dict[Extra, int] = {}
    for one in ones:
        for extra, many in one:
            counts[extra] = counts.get(extra, 0) + many
    return extras_of(counts)

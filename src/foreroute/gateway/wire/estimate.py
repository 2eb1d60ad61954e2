"""How many tokens a prompt is likely to have: one for every four bytes, inline images a thousand each."""

from collections.abc import Generator
from typing import Final

BYTES_PER_TOKEN: Final = 4
_IMAGE_TOKENS: Final = 1000
_INLINE_DATA: Final = b";base64,"
_WINDOW_BYTES: Final = 1 << 20
_IMAGES_PER_STEP: Final = 4096


def tokens_in(body: bytes) -> int:
    """At once."""
    if _INLINE_DATA not in body:
        return len(body) // BYTES_PER_TOKEN
    head, *others = body.split(_INLINE_DATA)
    text, images, inside = len(head), 0, False
    for part in others:
        images += not inside
        quote = part.find(b'"')
        inside = quote < 0
        text += 0 if inside else len(part) - quote
    return text // BYTES_PER_TOKEN + images * _IMAGE_TOKENS


def tokens_in_steps(body: bytes) -> Generator[None, None, int]:
    """The same in steps of a few milliseconds."""
    text, images, at, inside = len(body), 0, 0, False
    steps = 0
    while at < len(body):
        stop = at + _WINDOW_BYTES
        found = body.find(b'"' if inside else _INLINE_DATA, at, stop)
        if found >= 0:
            images += not inside
            end = found
        else:
            # A marker may straddle the seam: the next window begins within its reach.
            end = min(stop, len(body)) if inside or stop >= len(body) else stop - len(_INLINE_DATA) + 1
        if inside:
            text -= end - at
        at, inside = end, inside != (found >= 0)
        steps += 1 if found >= 0 else _IMAGES_PER_STEP
        if steps >= _IMAGES_PER_STEP:
            steps = 0
            yield
    return text // BYTES_PER_TOKEN + images * _IMAGE_TOKENS

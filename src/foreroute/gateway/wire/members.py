"""The members of a JSON body that are read, whatever its size, without holding up everyone else."""

import asyncio
from collections.abc import Collection, Generator, Mapping
from typing import Any, Final, TypeVar

import orjson

from foreroute.gateway.wire.layout import UNREAD, JsonLayout
from foreroute.gateway.wire.skim import skim
from foreroute.gateway.wire.spans import MEMBERS_MAX, BadBody, NoObject, NotJson, Span, TooMany, is_deeper

LARGE_BYTES: Final = 128 * 1024
"""Larger bodies are skimmed instead of parsed: a parser would hold up everyone else."""
_FIELD_BYTES_MAX: Final = 64 * 1024
T = TypeVar("T")


async def read_members(
    body: bytes, names: Collection[str], *, depth_max: int, also: Collection[str] = ()
) -> tuple[Mapping[str, Any], JsonLayout]:
    """At least the named members that the object has, and where they are. Raises BadBody. Those in `also` are left
    out where they are large.
    """
    if len(body) <= LARGE_BYTES:
        return parse_members(body, names, depth_max=depth_max), UNREAD
    spans, found = list[Span](), dict[str, Span]()
    for span in skim(body, depth_max=depth_max):
        if span is None:
            await asyncio.sleep(0)
            continue
        spans.append(span)
        small = span.end - span.start <= _FIELD_BYTES_MAX
        if (name := span.name) in names or (small and name in also):
            found[name] = span
        else:
            _check(name, names)
    return {name: _value(name, body, span) for name, span in found.items()}, JsonLayout(spans)


def parse_members(body: bytes, names: Collection[str], *, depth_max: int) -> dict[str, Any]:
    """All members at once, for a body that a parser is through with in no time. Raises BadBody, also when a member is
    called like one of the names in all but upper and lower case.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno} (byte {error.pos})"
        raise NotJson(f"{error.msg.split(':')[0]} at {place}") from None
    if not isinstance(payload, dict):
        raise NoObject
    if len(payload) > MEMBERS_MAX:
        raise TooMany
    if is_deeper(payload, depth_max):
        raise BadBody(f"is nested deeper than the limit of {depth_max} levels")
    for name in payload:
        if name not in names:
            _check(name, names)
    return payload


def _check(name: str, names: Collection[str]) -> None:
    """Some readers do not mind the case of a key: they would see another model than the one that was allowed."""
    if (meant := name.casefold()) != name and meant in names:
        raise BadBody(
            f"has a member `{name[:40]}` that is written like `{meant}`; write it in lower case, or leave it out"
        )


async def in_turns(steps: Generator[None, None, T]) -> T:
    """The result of what is done in steps, with a turn for everybody else after each."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        await asyncio.sleep(0)


def _value(name: str, body: bytes, span: Span) -> Any:
    if span.end - span.start > _FIELD_BYTES_MAX:
        raise BadBody(f"has a `{name}` of more than {_FIELD_BYTES_MAX // 1024} KiB")
    try:
        return orjson.loads(body[span.start : span.end])
    except orjson.JSONDecodeError as error:
        raise NotJson(f"{error.msg} in `{name}`, which begins at byte {span.start}") from None

"""Bodies so large or so odd that reading them must take turns with everybody else."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise

import pytest

from foreroute.core.ids import RouteName
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.request import ModelRequest, read_opaque_request, read_request

CHAT = Call(Endpoint.CHAT, "/chat/completions")
OPAQUE = Call(Endpoint.OPAQUE, "/files")
HOME = RouteName("home")
MIB = 1024 * 1024


def turns_while_reading(body: bytes) -> tuple[int, ModelRequest | ErrorAnswer]:
    """How many turns another task got while the body was read, on a loop of real time."""

    async def main() -> tuple[int, ModelRequest | ErrorAnswer]:
        turns, reading = 0, True

        async def other() -> None:
            nonlocal turns
            while reading:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        turns = 0
        request = await read_request(CHAT, body, depth_max=128)
        reading = False
        await task
        return turns, request

    return asyncio.run(main())


def test_a_request_with_a_large_image_is_read_at_once_and_is_not_a_lot_of_tokens() -> None:
    body = b'{"model":"m","messages":[{"content":[{"image_url":{"url":"data:image/png;base64,%b"}}]}]}'
    body %= b"QUJD" * (50 * MIB // 4)
    _, request = turns_while_reading(body)
    assert isinstance(request, ModelRequest)
    assert request.input_tokens < 1100
    assert request.for_channel("m") is body


def test_many_large_images_leave_turns_to_others() -> None:
    image = b'{"url":"data:image/png;base64,%b"},' % (b"QUJD" * (MIB // 4))
    turns, request = turns_while_reading(b'{"model":"m","messages":[%b1]}' % (image * 50))
    assert isinstance(request, ModelRequest)
    assert 50_000 < request.input_tokens < 60_000
    assert turns >= 25, "one for every megabyte or two"


@pytest.mark.parametrize("piece", [b'{"a":[1]},', b'"ab",', b"[[]],"], ids=["objects", "strings", "lists"])
def test_bodies_of_small_values_leave_turns_to_others(piece: bytes) -> None:
    body = b'{"model":"m","messages":[%b1]}' % (piece * (4 * MIB // len(piece)))
    turns, request = turns_while_reading(body)
    assert isinstance(request, ModelRequest)
    tokens = body.count(b"[") + body.count(b"{") + body.count(b'"') // 2
    assert turns >= tokens // 10_000, "one for every few thousand tokens, or about a millisecond"


def longest_hold_s(read: Callable[[], Awaitable[ModelRequest | ErrorAnswer]]) -> float:
    """The longest time without a turn for others, in seconds of this thread's work."""

    async def main() -> float:
        turns, reading = [time.thread_time()], True

        async def other() -> None:
            while reading:
                turns.append(time.thread_time())
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        await read()
        turns.append(time.thread_time())
        reading = False
        await task
        return max(b - a for a, b in pairwise(sorted(turns)))

    return asyncio.run(main())


BODIES: Mapping[str, Callable[[], bytes]] = {
    "numbers": lambda: b'{"model":"m","input":[' + b"1," * (24 * MIB) + b"1]}",
    "members": lambda: b'{"model":"m"' + b',"a":1' * (2 * MIB // 6) + b"}",
    "long keys": lambda: b'{"model":"m"' + b',"' + b'":1,"'.join([b"\\u0061" * 160] * 900) + b'":1}',
    "wishes": lambda: b'{"model":"m","models":[' + b'"a",' * MIB + b'"a"]}',
    "the same wish": lambda: (
        b'{"model":"m"' + b',"models":["' * 1 + (b"a" * 60_000) + b'"]' + b',"models":[]' * 900 + b"}"
    ),
    "backslashes": lambda: b'{"model":"m","a":"' + b"\\" * (20 * MIB) + b'"}',
    "escaped quotes": lambda: b'{"model":"m","a":"' + b'\\"' * MIB + b'"}',
    "empty images": lambda: b'{"model":"m","a":[' + b'";base64,",' * (MIB) + b"1]}",
    "white space": lambda: b'{"model":"m","a":1' + b" " * (20 * MIB) + b"}",
    "digits": lambda: b'{"model":"m","a":1' + b"1" * (20 * MIB) + b"}",
    "nesting": lambda: b'{"model":"m","a":' + b"[" * (20 * MIB),
    "repeated models": lambda: b'{"model":"m"' + b',"model":"a"' * 10_000 + b"}",
    "an image": lambda: b'{"model":"m","a":";base64,' + b"A" * (48 * MIB) + b'"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_no_body_holds_up_everybody_else(name: str) -> None:
    """A few milliseconds are promised; a tenth of a second is more than any machine needs for them."""
    body = BODIES[name]()
    assert longest_hold_s(lambda: read_request(CHAT, body, depth_max=128)) < 0.1
    assert (
        longest_hold_s(
            lambda: read_opaque_request(OPAQUE, "POST", body, "application/json", HOME, depth_max=9)
        )
        < 0.1
    )


FORMS: Mapping[str, Callable[[], bytes]] = {
    "line ends": lambda: b"--B\r\n\r\n" + b"\r\n--" * (4 * MIB),
    "near misses": lambda: b"--B\r\n\r\n" + b"\r\n--Bx" * (MIB // 4),
    "a file": lambda: b"--B\r\n\r\n" + b"A" * (48 * MIB),
    "parts": lambda: b"--B\r\n\r\n\r\n" * MIB,
    "one header": lambda: b"--B\r\n" + b"A" * (16 * MIB),
    "parameters": lambda: b"--B\r\n" + b"content-disposition: form-data" + b'; a="' * 700 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_no_form_holds_up_everybody_else(name: str) -> None:
    form, kind = FORMS[name](), "multipart/form-data; boundary=B"
    assert longest_hold_s(lambda: read_opaque_request(OPAQUE, "POST", form, kind, HOME, depth_max=9)) < 0.1


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=B"])
def test_a_form_of_a_quarter_megabyte_is_read_in_no_time(kind: str) -> None:
    """The word in it that leads nowhere is not followed to the end of the form each time."""
    form = b"--B\r\n\r\n" + b'name="model"\r\n' * 18_000
    began = time.thread_time()
    asyncio.run(read_opaque_request(OPAQUE, "POST", form, kind, HOME, depth_max=9))
    assert time.thread_time() - began < 0.1

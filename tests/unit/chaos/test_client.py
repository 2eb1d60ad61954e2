import asyncio
import gzip

import pytest

from foreroute.chaos.client import ask, read_answer


def read(raw: bytes):
    return read_answer(raw, seconds=0.0, gave_up=False)


def test_a_body_with_a_length_is_whole_when_it_has_it() -> None:
    head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nRetry-After: 7\r\n\r\n"
    answer = read(head + b"body")
    assert (answer.status, answer.body, answer.is_whole, answer.retry_after) == (503, b"body", True, "7")
    assert not read(head + b"bod").is_whole


def test_chunks_are_put_together_and_the_last_one_must_be_there() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    assert read(head + b"3;x=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").body == b"abcde"
    for cut in (b"3\r\nabc\r\n", b"3\r\nab", b"3", b""):
        answer = read(head + cut)
        assert not answer.is_whole
        assert b"abc".startswith(answer.body)


def test_gzip_is_undone_or_called_unreadable() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"
    assert read(head + gzip.compress(b"body")).body == b"body"
    garbled = read(head + b"\x1f\x8b\x08nothing")
    assert garbled.is_whole
    assert not garbled.is_readable


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nx-slow: .."])
def test_without_a_whole_head_there_is_no_answer(raw: bytes) -> None:
    answer = read(raw)
    assert (answer.status, answer.is_whole) == (0, False)


async def test_it_gives_up_when_its_patience_is_over() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await ask(port, "m", "hi", stream=True, headers={}, patience_s=0.05)
    assert (answer.gave_up, answer.status, answer.body) == (True, 200, b"abc")


async def test_it_does_not_wait_for_the_end_of_a_connection_that_is_kept() -> None:
    async def sound(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(sound, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await ask(port, "m", "hi", stream=False, headers={}, patience_s=10.0)
    assert (answer.gave_up, answer.body) == (False, b"{}")

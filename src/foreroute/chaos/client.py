"""A neutral client: one connection per request, bytes as they come, no library that hides or mends anything."""

import asyncio
import contextlib
import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any

from foreroute.chaos.answer import Answer


async def ask(
    port: int,
    model: str,
    text: str,
    *,
    stream: bool,
    headers: Mapping[str, str],
    patience_s: float,
    more: Mapping[str, Any] | None = None,
    connect_s: float | None = None,
) -> Answer:
    """`more` are further members of the request. `connect_s`: how long the connection may take."""
    said = [{"role": "user", "content": text}]
    body = json.dumps({"model": model, "stream": stream, "messages": said, **(more or {})})
    head = {
        "host": "127.0.0.1",
        "content-type": "application/json",
        "content-length": str(len(body)),
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    request = f"POST /v1/chat/completions HTTP/1.1\r\n{lines}\r\n{body}".encode()
    received = bytearray()
    began = asyncio.get_running_loop().time()
    gave_up = False
    try:
        async with asyncio.timeout(patience_s):
            await _exchange(port, request, received, connect_s)
    except TimeoutError:
        gave_up = True
    except OSError:
        pass  # what came before it is judged
    return read_answer(bytes(received), seconds=asyncio.get_running_loop().time() - began, gave_up=gave_up)


async def _exchange(port: int, request: bytes, received: bytearray, connect_s: float | None) -> None:
    """Until the answer is whole, or the other side ends the connection."""
    async with asyncio.timeout(connect_s):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        while data := await reader.read(65536):
            received += data
            if _is_at_end(bytes(received)):
                return
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _is_at_end(raw: bytes) -> bool:
    head, found, _ = raw.partition(b"\r\n\r\n")
    has_length = b"\r\ncontent-length:" in head.lower() or b"\r\ntransfer-encoding:" in head.lower()
    return bool(found) and has_length and read_answer(raw, seconds=0.0, gave_up=False).is_whole


def read_answer(raw: bytes, *, seconds: float, gave_up: bool) -> Answer:
    """One HTTP/1.1 answer. A body that only the end of the connection ends is whole."""
    head, found, rest = raw.partition(b"\r\n\r\n")
    if not found:
        return Answer(status=0, is_whole=False, gave_up=gave_up, seconds=seconds)
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body, is_whole, is_readable = rest, True, True
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body, is_whole = _unchunk(rest)
    elif "content-length" in headers:
        is_whole = len(rest) >= int(headers["content-length"])
    if headers.get("content-encoding", "").lower() == "gzip":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            is_readable = False
    return Answer(
        status=int(first.split(" ", 2)[1]),
        headers=headers,
        body=body,
        is_whole=is_whole,
        is_readable=is_readable,
        gave_up=gave_up,
        seconds=seconds,
    )


def _unchunk(raw: bytes) -> tuple[bytes, bool]:
    """The content of a chunked body, and whether its last chunk is there."""
    body = bytearray()
    while True:
        size, found, raw = raw.partition(b"\r\n")
        if not found:
            return bytes(body), False
        length = int(size.split(b";")[0], 16)
        if length == 0:
            return bytes(body), True
        body += raw[:length]
        if len(raw) < length + 2:
            return bytes(body), False
        raw = raw[length + 2 :]

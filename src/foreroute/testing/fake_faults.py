"""How an answer goes out on the wire, whole or as a stream, and how it goes wrong when it is told to."""

import asyncio
from itertools import islice

import orjson

from foreroute.testing.fake_answers import FakeAnswer, FakeStream
from foreroute.testing.fake_script import Fault, ProviderAnswer
from foreroute.testing.fake_wire import Wire

_HOLLOW = b"<html><body><h1>Welcome to nginx!</h1></body></html>"


async def send_error(wire: Wire, fake: FakeAnswer, answer: ProviderAnswer) -> None:
    headers = {**fake.headers, **answer.headers, "content-type": "application/json"}
    if answer.retry_after_s is not None:
        headers["retry-after"] = f"{answer.retry_after_s:g}"
    await wire.whole(answer.status, fake.error(), headers)


async def send_whole(wire: Wire, fake: FakeAnswer, answer: ProviderAnswer) -> None:
    if answer.fault is Fault.HOLLOW_HTML:
        return await wire.raw(200, _HOLLOW, {"content-type": "text/html"})
    await asyncio.sleep(answer.seconds_per_chunk * max(0, len(answer.chunks) - 1))
    made = fake.whole()
    body = made if isinstance(made, bytes) else orjson.dumps(made)
    headers = {"content-type": "application/json", **fake.headers, **answer.headers}
    json = {**headers, "content-type": "application/json"}
    match answer.fault:
        case Fault.NONE | Fault.UNFINISHED:
            await wire.raw(200, body, headers)
        case Fault.EMPTY_CHOICES:
            await wire.whole(200, fake.empty(), json)
        case Fault.ERROR_EVENT:
            await wire.whole(200, fake.failed(), json)
        case Fault.TRUNCATED_JSON:
            await wire.raw(200, body[: len(body) // 2], headers)
        case _:
            await wire.start(200, {**headers, "content-length": str(len(body))})
            await wire.part(body[: len(body) // 2])
            await (wire.cut() if answer.fault is Fault.CUT else wire.silence())
    return None


async def send_stream(wire: Wire, fake: FakeStream, answer: ProviderAnswer) -> None:
    if answer.fault is Fault.HOLLOW_HTML:
        return await wire.raw(200, _HOLLOW, {"content-type": "text/html"})
    head = {"content-type": "text/event-stream; charset=utf-8", **fake.headers, **answer.headers}
    await wire.start(200, head)
    if preamble := fake.preamble():
        await wire.part(preamble)
    if answer.fault is Fault.EMPTY_CHOICES:
        return await wire.part(fake.empty_closing(), last=True)
    faulty = answer.fault is not Fault.NONE
    content = islice(fake.content(), answer.fault_after_chunks if faulty else None)
    for index, piece in enumerate(content):
        if index:
            await asyncio.sleep(answer.seconds_per_chunk)
        await wire.part(piece)
    return await _end_stream(wire, fake, answer.fault)


async def _end_stream(wire: Wire, fake: FakeStream, fault: Fault) -> None:
    match fault:
        case Fault.NONE:
            await wire.part(fake.closing(), last=True)
        case Fault.UNFINISHED:
            await wire.part(b"", last=True)
        case Fault.ERROR_EVENT:
            await wire.part(fake.failure(), last=True)
        case Fault.TRUNCATED_JSON:
            event = fake.closing().partition(b"\n\n")[0]
            await wire.part(event[: len(event) * 2 // 3], last=True)
        case Fault.STALL:
            await wire.silence()
        case _:
            await wire.cut()

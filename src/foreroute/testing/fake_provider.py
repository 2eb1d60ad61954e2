"""An OpenAI-compatible provider that answers as it is told: an ASGI application for tests and demos.

What to answer is the behaviour's business; how it looks on the wire is this module's and `fake_answers`'.
Time is the event loop's, so the same provider lives on virtual and on real time.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from foreroute.testing.fake_answers import FakeAnswers
from foreroute.testing.fake_script import Fault, ProviderAnswer, ProviderRequest
from foreroute.testing.fake_wire import Receive, Send, Wire, serve_lifespan, until_gone

__all__ = ["Always", "Behaviour", "FakeProvider", "Fault", "ProviderAnswer", "ProviderRequest"]

_PATHS = frozenset({"/chat/completions", "/completions", "/embeddings"})


class Behaviour(Protocol):
    def answer(self, request: ProviderRequest) -> ProviderAnswer: ...


class Always:
    """Gives the same answer to everyone. `next` may be exchanged while it serves."""

    def __init__(self, answer: ProviderAnswer | None = None) -> None:
        self.next = answer or ProviderAnswer()

    def answer(self, request: ProviderRequest) -> ProviderAnswer:  # noqa: ARG002 - the protocol's signature
        return self.next


class FakeProvider:
    """`/chat/completions`, `/completions`, `/embeddings` and `/models`, with or without `/v1`."""

    def __init__(
        self, behaviour: Behaviour, *, models: tuple[str, ...] = ("fake-model",), epoch_at: float = 1.76e9
    ) -> None:
        self.behaviour = behaviour
        self.requests_total = 0
        self.disconnects_total = 0
        """Clients that left before their answer was complete."""
        self.received: deque[ProviderRequest] = deque(maxlen=1000)
        self._models = models
        self._epoch_at = epoch_at

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await serve_lifespan(receive, send)
        path = scope["path"].removeprefix("/v1")
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        wire = Wire(send, receive, scope.get("extensions", {}).get("foreroute.cut"))
        at = asyncio.get_running_loop().time()
        if path == "/models":
            return await wire.whole(200, FakeAnswers.models(self._models, self._epoch_at))
        if path not in _PATHS:
            return await wire.whole(
                404,
                {
                    "error": {
                        "message": f"no such path: {path}",
                        "type": "not_found_error",
                        "param": None,
                        "code": None,
                    }
                },
            )
        request = _request(path, scope, orjson.loads(body), at)
        self.requests_total += 1
        self.received.append(request)
        serving = asyncio.ensure_future(self._answer(wire, request, self._epoch_at + at))
        leaving = asyncio.ensure_future(until_gone(receive))
        try:
            await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done() and not wire.was_cut:
                self.disconnects_total += 1
        finally:
            serving.cancel()
            leaving.cancel()
            results = await asyncio.gather(serving, leaving, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]
        return None

    async def _answer(self, wire: "Wire", request: ProviderRequest, created_at: float) -> None:
        answer = self.behaviour.answer(request)
        if answer.fault is Fault.NO_ANSWER:
            await wire.silence()
        await asyncio.sleep(answer.time_to_first_chunk_s)
        number = self.requests_total
        answers = FakeAnswers(request, answer, ident=f"{number:012x}", created=int(created_at))
        if answer.status != 200:
            headers = dict(answer.headers)
            if answer.retry_after_s is not None:
                headers["retry-after"] = f"{answer.retry_after_s:g}"
            return await wire.whole(answer.status, answers.error(), headers)
        if answer.fault is Fault.HOLLOW_HTML:
            page = b"<html><body><h1>Welcome to nginx!</h1></body></html>"
            return await wire.raw(200, "text/html", page)
        if request.stream and request.path != "/embeddings":
            return await _stream(wire, answers, answer)
        return await _whole(wire, answers, answer)


async def _whole(wire: "Wire", answers: FakeAnswers, answer: ProviderAnswer) -> None:
    await asyncio.sleep(answer.seconds_per_chunk * max(0, len(answer.chunks) - 1))
    body = answers.whole()
    match answer.fault:
        case Fault.NONE | Fault.UNFINISHED:
            await wire.whole(200, body, answer.headers)
        case Fault.EMPTY_CHOICES:
            key = "data" if "data" in body else "choices"
            await wire.whole(200, {**body, key: []})
        case Fault.ERROR_EVENT:
            await wire.whole(200, answers.error())
        case Fault.TRUNCATED_JSON:
            text = orjson.dumps(body)
            await wire.raw(200, "application/json", text[: len(text) // 2])
        case Fault.STALL | Fault.CUT:
            text = orjson.dumps(body)
            await wire.start(200, "application/json", {"content-length": str(len(text))})
            await wire.part(text[: len(text) // 2])
            await (wire.cut() if answer.fault is Fault.CUT else wire.silence())


async def _stream(wire: "Wire", answers: FakeAnswers, answer: ProviderAnswer) -> None:
    await wire.start(200, "text/event-stream; charset=utf-8", answer.headers)
    if answer.fault is Fault.EMPTY_CHOICES:
        await wire.part(answers.empty_event())
        return await wire.part(answers.done_event(), last=True)
    content = answers.content_events()
    faulty = answer.fault is not Fault.NONE
    for index, event in enumerate(content[: answer.fault_after_chunks] if faulty else content):
        if index:
            await asyncio.sleep(answer.seconds_per_chunk)
        await wire.part(answers.opening_event() + event if index == 0 else event)
    match answer.fault:
        case Fault.NONE:
            await wire.part(b"".join(answers.closing_events()), last=True)
        case Fault.UNFINISHED:
            await wire.part(b"", last=True)
        case Fault.ERROR_EVENT:
            await wire.part(b"data: " + orjson.dumps(answers.error()) + b"\n\n", last=True)
        case Fault.TRUNCATED_JSON:
            await wire.part(b'data: {"id":"chatcmpl-cut","choices":[{"ind', last=True)
        case Fault.STALL:
            await wire.silence()
        case _:
            await wire.cut()
    return None


def _request(path: str, scope: Mapping[str, Any], body: Mapping[str, Any], at: float) -> ProviderRequest:
    text = orjson.dumps(body.get("messages") or body.get("prompt") or body.get("input") or "")
    return ProviderRequest(
        path=path,
        model=str(body.get("model", "")),
        stream=bool(body.get("stream")),
        prompt_tokens=max(1, len(text) // 4),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        received_at=at,
        body=body,
    )

"""A provider that answers as it is told, in OpenAI's and Anthropic's dialects: an ASGI application for tests and demos.

What to answer is the behaviour's business; how it looks is that of the module of each dialect (`fake_chat`,
`fake_responses`, `fake_messages`, `fake_embeddings`, `fake_others`), how it goes wrong that of `fake_faults`.
Time is the event loop's, so the same provider lives on virtual and on real time.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from foreroute.testing.fake_answers import FakeAnswer, FakeStream, openai_error_of
from foreroute.testing.fake_chat import ChatAnswer
from foreroute.testing.fake_embeddings import EmbeddingsAnswer
from foreroute.testing.fake_faults import send_error, send_stream, send_whole
from foreroute.testing.fake_messages import CountTokensAnswer, MessagesAnswer
from foreroute.testing.fake_others import KEPT, OTHER_PATHS, OtherAnswer
from foreroute.testing.fake_request import read_request, refusal
from foreroute.testing.fake_responses import ResponsesAnswer
from foreroute.testing.fake_script import Fault, ProviderAnswer, ProviderRequest
from foreroute.testing.fake_wire import Receive, Send, Wire, serve_lifespan, until_gone

__all__ = ["OTHER_PATHS", "Always", "Behaviour", "FakeProvider", "Fault", "ProviderAnswer", "ProviderRequest"]

_STREAMED: Final[Mapping[str, Callable[..., FakeStream]]] = {
    "/chat/completions": ChatAnswer,
    "/completions": ChatAnswer,
    "/responses": ResponsesAnswer,
    "/messages": MessagesAnswer,
}
_MODEL_PATHS: Final = frozenset({*_STREAMED, "/embeddings", "/messages/count_tokens"})


class Behaviour(Protocol):
    def answer(self, request: ProviderRequest) -> ProviderAnswer: ...


class Always:
    """Gives the same answer to everyone. `next` may be exchanged while it serves."""

    def __init__(self, answer: ProviderAnswer | None = None) -> None:
        self.next = answer or ProviderAnswer()

    def answer(self, request: ProviderRequest) -> ProviderAnswer:  # noqa: ARG002 - the protocol's signature
        return self.next


class FakeProvider:
    """The model paths of OpenAI and Anthropic, `/models`, and those of `others`, with or without `/v1`."""

    def __init__(
        self,
        behaviour: Behaviour,
        *,
        models: tuple[str, ...] = ("fake-model",),
        epoch_at: float = 1.76e9,
        others: Collection[str] = OTHER_PATHS,
    ) -> None:
        self.behaviour = behaviour
        self.requests_total = 0
        self.disconnects_total = 0
        """Clients that left before their answer was complete."""
        self.received: deque[ProviderRequest] = deque(maxlen=1000)
        self._models = models
        self._epoch_at = epoch_at
        self._others = others

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
            return await wire.whole(200, _models(self._models, self._epoch_at))
        if not self._serves(path, scope["method"]):
            return await wire.whole(404, openai_error_of(f"no such path: {path}", "not_found_error"))
        request = read_request(path, scope, body, at)
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

    def _serves(self, path: str, method: str) -> bool:
        if path in _MODEL_PATHS or path in self._others:
            return method == "POST" or path in KEPT
        return any(kept in self._others and path.startswith(f"{kept}/") for kept in KEPT)

    async def _answer(self, wire: Wire, request: ProviderRequest, created_at: float) -> None:
        answer = self.behaviour.answer(request)
        wrong = refusal(request) if request.path in _MODEL_PATHS else None
        if wrong is not None:
            answer = replace(
                answer, status=400, error_message=wrong, error_type="invalid_request_error", error_code=None
            )
        if answer.fault is Fault.NO_ANSWER:
            await wire.silence()
        await asyncio.sleep(answer.time_to_first_chunk_s)
        ident, created = f"{self.requests_total:012x}", int(created_at)
        streamed = _STREAMED.get(request.path)
        if streamed is not None:
            fake = streamed(request, answer, ident=ident, created=created)
            if request.stream and answer.status == 200:
                return await send_stream(wire, fake, answer)
            return await _send(wire, fake, answer)
        return await _send(wire, _unstreamed(request, answer, ident, created), answer)


async def _send(wire: Wire, fake: FakeAnswer, answer: ProviderAnswer) -> None:
    await (send_whole if answer.status == 200 else send_error)(wire, fake, answer)


def _unstreamed(request: ProviderRequest, answer: ProviderAnswer, ident: str, created: int) -> FakeAnswer:
    match request.path:
        case "/embeddings":
            return EmbeddingsAnswer(request, answer)
        case "/messages/count_tokens":
            return CountTokensAnswer(request, answer, ident=ident)
        case _:
            return OtherAnswer(request, answer, ident=ident, created=created)


def _models(names: Sequence[str], created_at: float) -> dict[str, Any]:
    data = [{"id": n, "object": "model", "created": int(created_at), "owned_by": "fake"} for n in names]
    return {"object": "list", "data": data}

"""The demo's users: requests over HTTP at the moments of a recorded trace, each judged as a user would."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import orjson

from foreroute.simulate.traffic import Arrival

_HEADERS: Final = {"content-type": "application/json"}


@dataclass(slots=True)
class Tally:
    """What the users saw."""

    requests: int = 0
    failures: int = 0
    first_failures: list[str] = field(default_factory=list)
    """The first few, in words."""

    def failed(self, what: str) -> None:
        self.failures += 1
        if len(self.first_failures) < 10:
            self.first_failures.append(what)


def request_name(number: int, arrival: Arrival) -> str:
    """A request's id also tells the demo's providers how much work it is."""
    return f"demo-{number}-{arrival.input_tokens}-{arrival.output_tokens}"


def work_of(name: str) -> tuple[int, int] | None:
    """(input tokens, output tokens) of a demo request; None for anyone else's."""
    parts = name.split("-")
    if len(parts) == 4 and parts[0] == "demo" and all(part.isdecimal() for part in parts[1:]):
        return int(parts[2]), int(parts[3])
    return None


class DemoClient:
    """Four in five requests stream. `stream` mix and bodies depend on the request's number alone."""

    def __init__(self, base_url: str, model: str) -> None:
        self._base_url = base_url
        self._model = model
        self.tally = Tally()

    async def run(self, arrivals: Iterable[Arrival]) -> None:
        """Sends every arrival at its offset from now, and returns when all are answered."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=600)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
            for number, arrival in enumerate(arrivals):
                await asyncio.sleep(max(0.0, start + arrival.offset_s - loop.time()))
                group.create_task(self._request(session, number, arrival))

    async def _request(self, session: aiohttp.ClientSession, number: int, arrival: Arrival) -> None:
        self.tally.requests += 1
        stream = number % 5 != 0
        name = request_name(number, arrival)
        body = orjson.dumps(
            {
                "model": self._model,
                "stream": stream,
                "max_tokens": arrival.output_tokens,
                "user": name,
                "messages": [{"role": "user", "content": f"Request {number} of the demo."}],
            }
        )
        url = f"{self._base_url}/chat/completions"
        try:
            async with session.post(url, data=body, headers={**_HEADERS, "x-request-id": name}) as response:
                problem = _problem(response.status, await response.read(), stream=stream)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            self.tally.failed(f"{name}: {problem}")


def _problem(status: int, body: bytes, *, stream: bool) -> str:
    """Why a user would call this answer a failure; empty if it is good."""
    if status != 200:
        return f"HTTP {status} {body[:160].decode(errors='replace')}"
    if stream:
        return "" if _is_whole(body) else f"the stream ended early: {body[-120:]!r}"
    try:
        return "" if orjson.loads(body)["choices"] else "an answer without choices"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "an answer that is not a chat completion"


def _is_whole(body: bytes) -> bool:
    return body.rstrip().endswith(b"data: [DONE]") and b'"error"' not in body

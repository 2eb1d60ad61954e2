"""llmock breaks the upstream and then judges whoever called it: the gateway, with an official client behind it.

The client retries twice, as it does by default, in a program that asks once more when a stream broke off. With a single
upstream everything that llmock sees is one caller's patience, and its strict verdict allows no warning. With two
upstreams the gateway alone must hide the fault: there is no second attempt for llmock to judge.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import anthropic
import openai
import pytest
from anthropic import AsyncAnthropic
from llmock.scenarios import Delay, Fail, SlowFirstToken, StreamFault
from llmock.testing import LLMockServer
from openai import AsyncOpenAI
from tests.integration.suites.conftest import POLICY, a_channel

from foreroute.core.plan import Timeouts

HELLO: Any = [{"role": "user", "content": "Say something about bread."}]
SAID = "Bread needs flour, water, salt and time."
QUICK = replace(POLICY, timeouts=Timeouts(connect_s=1.0, first_chunk_s=1.0, stall_s=0.8, total_s=10.0))
MIDDLE = {"chat": 3, "responses": 7, "messages": 5}
"""So many events into a stream there has been content."""
ANSWERS: dict[str, list[Fail | Delay]] = {
    "429, twice": [Fail(429, retry_after=0.3, times=2)],
    "429 without a word": [Fail(429)],
    "500": [Fail(500)],
    "502": [Fail(502)],
    "503, asking for a pause": [Fail(503, retry_after=0.3)],
    "504": [Fail(504)],
    "529": [Fail(529)],
    "late": [Delay(0.3)],
}
PACE_MS = 15
"""Between events: else llmock has said all before it can see that nobody listens any more."""


def stream_fault(name: str, dialect: str) -> list[SlowFirstToken | StreamFault]:
    kind, _, place = name.partition(" ")
    if kind == "slow":
        return [SlowFirstToken(0.3)]
    after = {"at once": 0, "after the opening": 1, "in the middle": MIDDLE[dialect]}[place]
    return [StreamFault(kind, after_chunks=after, stall_seconds=30.0)]  # type: ignore[arg-type]


STREAM_FAULTS = ["slow"] + [
    f"{kind} {place}"
    for kind in ("disconnect", "truncate", "malformed", "stall")
    for place in ("at once", "after the opening", "in the middle")
]
Ask = Callable[[bool], Awaitable[str]]
"""Asks for SAID in a dialect, streamed or not; raises unless the answer is complete."""


@pytest.fixture(params=MIDDLE)
def dialect(request) -> str:
    return str(request.param)


@pytest.fixture
async def clients(llmock, build_gateway) -> AsyncIterator[Callable[..., Awaitable[Ask]]]:
    """`await clients(dialect, *servers)`: asks through a gateway in front of these llmock servers."""
    async with AsyncExitStack() as stack:

        async def build(dialect: str, *servers: Any, retries: int = 2) -> Ask:
            vendor = "anthropic" if dialect == "messages" else "openai"
            channels = [
                a_channel(
                    f"{'claude' if vendor == 'anthropic' else 'gpt'}-{place}",
                    _base(server, vendor),
                    model="m",
                )
                for place, server in enumerate(servers or (llmock,))
            ]
            url, _ = await build_gateway({"bread": tuple(channels)}, QUICK)
            if vendor == "anthropic":
                claude = AsyncAnthropic(base_url=url, api_key="none", max_retries=retries)
                return Messages(await stack.enter_async_context(claude))
            client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=retries)
            await stack.enter_async_context(client)
            return Chat(client) if dialect == "chat" else Responses(client)

        llmock.pace(PACE_MS).reply(SAID, times=None)
        yield build


def _base(server: Any, vendor: str) -> str:
    """Up to and including the version."""
    return str(server.base_url(vendor)).removesuffix("/v1") + "/v1"


class Chat:
    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def __call__(self, stream: bool) -> str:
        if not stream:
            answer = await self._client.chat.completions.create(model="bread", messages=HELLO)
            return answer.choices[0].message.content or ""
        chunks = [
            chunk
            async for chunk in await self._client.chat.completions.create(
                model="bread", messages=HELLO, stream=True
            )
        ]
        assert chunks[-1].choices[0].finish_reason == "stop", "an end that was not one"
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


class Responses:
    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def __call__(self, stream: bool) -> str:
        if not stream:
            return (await self._client.responses.create(model="bread", input="Bread?")).output_text
        events = [
            event
            async for event in await self._client.responses.create(model="bread", input="Bread?", stream=True)
        ]
        last = events[-1]
        if last.type in {"error", "response.failed"}:
            raise BrokenOffError
        assert last.type == "response.completed", "an end that was not one"
        return last.response.output_text


class Messages:
    def __init__(self, client: AsyncAnthropic) -> None:
        self._client = client

    async def __call__(self, stream: bool) -> str:
        ask: dict[str, Any] = {"model": "bread", "max_tokens": 100, "messages": HELLO}
        if not stream:
            (block,) = (await self._client.messages.create(**ask)).content
            return str(block.text)
        async with self._client.messages.stream(**ask) as events:
            final = await events.get_final_message()
        assert final.stop_reason == "end_turn", "an end that was not one"
        return str(final.content[0].text)  # type: ignore[union-attr]


class BrokenOffError(Exception):
    """A response that ended with an error event."""


FAILURES = (openai.APIError, anthropic.APIError, BrokenOffError)


async def persist(ask: Ask, *, stream: bool) -> str:
    """A stream that broke off is asked for again, after a moment."""
    for pause_s in (0.1, 0.3):
        try:
            return await ask(stream)
        except FAILURES:
            await asyncio.sleep(pause_s)
    return await ask(stream)


@pytest.mark.parametrize(
    ("dialect", "stream"),
    [("chat", True), ("chat", False), ("responses", False), ("messages", False)],
    indirect=["dialect"],
)
@pytest.mark.parametrize("fault", ANSWERS)
async def test_the_strict_verdict_when_it_answers_badly(clients, llmock, dialect, fault, stream):
    ask = await clients(dialect)
    llmock.add(*ANSWERS[fault])
    async with asyncio.timeout(30):
        assert await persist(ask, stream=stream) == SAID
    verdict = await asyncio.to_thread(llmock.verdict)
    verdict.assert_ok(strict=True)
    assert verdict.faults or fault == "late", "the fault has struck"


@pytest.mark.parametrize("fault", STREAM_FAULTS)
async def test_the_strict_verdict_when_a_stream_breaks(clients, llmock, dialect, fault):
    ask = await clients(dialect)
    llmock.add(*stream_fault(fault, dialect))
    async with asyncio.timeout(30):
        assert await persist(ask, stream=True) == SAID
    verdict = await asyncio.to_thread(llmock.verdict)
    verdict.assert_ok(strict=True)
    assert verdict.faults or fault == "slow", "the fault has struck"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_what_no_retry_can_mend_is_not_retried(clients, llmock, dialect, status):
    ask = await clients(dialect)
    llmock.fail(status)
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)):
        await ask(False)
    verdict = await asyncio.to_thread(llmock.verdict)
    verdict.assert_ok(strict=True)
    assert verdict.attempts == 1


async def test_an_outage_is_not_made_worse(clients, llmock, dialect):
    ask = await clients(dialect)
    llmock.outage()
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)):
        await ask(False)
    verdict = await asyncio.to_thread(llmock.verdict)
    verdict.assert_ok(strict=True)
    assert 1 < verdict.attempts <= 10


async def test_a_quota_is_kept_for_everybody(clients, llmock, dialect):
    ask = await clients(dialect, retries=0)
    llmock.limits(rpm=2)
    for _ in range(2):
        assert await ask(False) == SAID
    for _ in range(3):
        with pytest.raises((openai.RateLimitError, anthropic.RateLimitError)) as caught:
            await ask(False)
        refused: Any = caught.value
        assert 0.0 < float(refused.response.headers["retry-after"]) <= 60.0
    verdict = await asyncio.to_thread(llmock.verdict)
    assert verdict.attempts == 3, "the channel is left alone for as long as it asked for"


@pytest.mark.parametrize("fault", [fault for fault in STREAM_FAULTS if "middle" not in fault])
async def test_a_second_channel_hides_what_strikes_before_any_content(clients, llmock, dialect, fault):
    with LLMockServer() as other:
        ask = await clients(dialect, llmock, other, retries=0)
        llmock.add(*stream_fault(fault, dialect))
        async with asyncio.timeout(30):
            said = await ask(True)
        assert (said == SAID) == (fault == "slow"), "the other one has words of its own"
        spare = await asyncio.to_thread(other.state.journal.records, wait=2.0)
        assert len(spare) == (0 if fault == "slow" else 1)
        await asyncio.to_thread(llmock.verdict)

"""The demo's providers: real HTTP servers on loopback that answer as the seeded world says."""

from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.ports import Clock
from foreroute.demo.client import work_of
from foreroute.serving import Server, serve_asgi
from foreroute.simulate.world import World
from foreroute.testing.fake_provider import FakeProvider, ProviderAnswer, ProviderRequest

_CHUNKS_MAX: Final = 6
"""Tokens travel in a few large chunks: what is measured is time, not the number of events."""
_VISITOR_TOKENS: Final = 60
_WORDS: Final = ("Everything", " is", " fine:", " your", " traffic", " has", " already", " moved", " on.")


class WorldBehaviour:
    """One channel of the world as a provider. Requests of people who try the demo get a short answer."""

    def __init__(self, world: World, channel: ChannelId, clock: Clock) -> None:
        self._world = world
        self._channel = channel
        self._clock = clock
        self._visitors = 0

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        name, input_tokens, output_tokens = self._work(request)
        answer = self._world.answer(self._channel, name, at=self._clock.now(), input_tokens=input_tokens)
        if answer.fault is not None:
            return ProviderAnswer(
                time_to_first_chunk_s=answer.first_chunk_s,
                status=answer.fault.status,
                error_message=answer.fault.message,
                error_code=answer.fault.code,
            )
        chunks = _chunks(output_tokens)
        return ProviderAnswer(
            time_to_first_chunk_s=answer.first_chunk_s,
            seconds_per_chunk=answer.token_s * output_tokens / len(chunks),
            chunks=chunks,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )

    def _work(self, request: ProviderRequest) -> tuple[str, int, int]:
        name = str(request.body.get("user", ""))
        work = work_of(name)
        if work is not None:
            return name, *work
        self._visitors += 1
        return (
            f"visitor-{self._visitors}",
            request.prompt_tokens,
            min(request.max_tokens or 999, _VISITOR_TOKENS),
        )


def _chunks(tokens: int) -> tuple[str, ...]:
    count = max(1, min(_CHUNKS_MAX, tokens))
    return tuple(_WORDS[index % len(_WORDS)] for index in range(count))


async def serve_world(world: World, clock: Clock) -> dict[ChannelId, Server]:
    """A listening server for every channel of the world, on free ports."""
    servers = {}
    for name, model in world.channels.items():
        provider = FakeProvider(WorldBehaviour(world, name, clock), models=(model.channel.model,))
        servers[name] = await serve_asgi(provider)
    return servers

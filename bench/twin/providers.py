"""The channels of a world as real servers on loopback, on the wall clock: what they answer is what the world says."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

from bench.twin.pace import Now
from foreroute.core.ids import ChannelId, RequestId
from foreroute.serving import Server, serve_asgi
from foreroute.simulate.replies import Reply
from foreroute.simulate.request import Request
from foreroute.simulate.upstreams import Upstreams
from foreroute.testing.fake_provider import FakeProvider, ProviderAnswer, ProviderRequest
from foreroute.testing.fake_script import Fault

_CHUNKS: Final = ("Everything", " is", " as", " the", " world", " says.")


class WorldServer:
    """One channel. A request's `user` field names it, so that it meets the luck it has in the simulation."""

    def __init__(
        self, upstreams: Upstreams, channel: ChannelId, requests: Mapping[RequestId, Request], pace: Now
    ) -> None:
        self._upstreams, self._channel = upstreams, channel
        self._requests, self._pace = requests, pace
        self._asked: Counter[RequestId] = Counter()
        self.strangers = 0
        """Requests that are none of the scenario's."""

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        known = self._requests.get(RequestId(str(request.body.get("user", ""))))
        if known is None:
            self.strangers += 1
            return ProviderAnswer(time_to_first_chunk_s=0.2, chunks=("ok",))
        again = self._asked[known.id]
        self._asked[known.id] += 1
        reply = self._upstreams.ask(self._channel, known, self._pace.now(), again=again)
        return _answer(reply)


def _answer(reply: Reply) -> ProviderAnswer:
    said = reply.evidence
    if said is None:
        return ProviderAnswer(
            time_to_first_chunk_s=reply.first_chunk_s,
            seconds_per_chunk=(reply.ends_s - reply.first_chunk_s) / (len(_CHUNKS) - 1),
            chunks=_CHUNKS,
            input_tokens=reply.usage.input_tokens,
            output_tokens=reply.usage.output_tokens,
        )
    if said.status is not None and said.status >= 400:
        return ProviderAnswer(
            time_to_first_chunk_s=reply.ends_s,
            status=said.status,
            error_message=said.message,
            error_type=said.error_type or "server_error",
            error_code=said.error_code,
            retry_after_s=said.retry_after_s,
        )
    if math.isinf(reply.ends_s):
        return ProviderAnswer(fault=Fault.NO_ANSWER)
    return ProviderAnswer(time_to_first_chunk_s=reply.ends_s, fault=Fault.CUT)


async def serve_channels(
    upstreams: Upstreams, requests: Mapping[RequestId, Request], pace: Now
) -> tuple[dict[ChannelId, Server], list[WorldServer]]:
    servers: dict[ChannelId, Server] = {}
    behaviours = []
    for name, model in upstreams.world.channels.items():
        behaviour = WorldServer(upstreams, name, requests, pace)
        servers[name] = await serve_asgi(FakeProvider(behaviour, models=(model.channel.model,)))
        behaviours.append(behaviour)
    return servers, behaviours

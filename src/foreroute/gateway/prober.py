"""Brings channels back: when a breaker has been open for its time, the gateway asks the channel itself.

No user's request is risked for it. A probe is a real completion of a token or so, one at a time per channel, made
in the form that the channel was last asked in, and recorded like any attempt.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson

from foreroute.core.attempt import PickReason
from foreroute.core.failure import FAILURE_ADVICE, FailureClass
from foreroute.core.ids import ChannelId, RequestId
from foreroute.core.plan import Target
from foreroute.gateway.delivery import Delivery, Message
from foreroute.gateway.dialogue import Dialogue
from foreroute.gateway.fleet import Asked
from foreroute.gateway.ports import UpstreamRequest
from foreroute.gateway.trial import Origin, Trial
from foreroute.gateway.wire.evidence import exception_evidence
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.request import ModelRequest, read_small_request
from foreroute.gateway.works import Works

_SAYS: Final = [{"role": "user", "content": "ping"}]
_STREAM_TOKENS: Final = 16
"""Of a probe that streams: enough to see a stream go on."""
_BODIES: Final[Mapping[Endpoint, Mapping[str, Any]]] = {
    Endpoint.CHAT: {"messages": _SAYS, "max_tokens": 1},
    Endpoint.COMPLETIONS: {"prompt": "ping", "max_tokens": 1},
    Endpoint.EMBEDDINGS: {"input": "ping"},
    Endpoint.RESPONSES: {"input": "ping", "max_output_tokens": 16},
    Endpoint.MESSAGES: {"messages": _SAYS, "max_tokens": 1},
}
_PROBE_S: Final = 30.0
_PAUSE_S: Final = 1.0


class Prober:
    """Lives on the gateway's event loop. `aclose` calls off what is under way."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._tasks: dict[ChannelId, asyncio.Task[None]] = {}
        works.fleet.on_open = self._channel_is_out

    async def aclose(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    def _channel_is_out(self, target: Target, wait_s: float) -> bool:
        channel = target.channel
        asked = self._works.fleet.asked(channel)
        if asked is None or asked.endpoint not in _BODIES:
            return False
        if channel not in self._tasks or self._tasks[channel].done():
            self._tasks[channel] = asyncio.get_running_loop().create_task(self._watch(target, wait_s))
        return True

    async def _watch(self, target: Target, wait_s: float) -> None:
        """Probes until one goes well. Should anything unforeseen happen, requests find out instead."""
        works, loop = self._works, asyncio.get_running_loop()
        try:
            while wait_s > 0.0:
                await asyncio.sleep(wait_s)
                if works.fleet.is_retired(target.channel):
                    return
                began_at = loop.time()
                well = await self._probe(target)
                wait_s = works.fleet.probed(target.channel, target.policy.breaker, loop.time(), well=well)
                if wait_s:  # a probe that was never answered has waited already
                    wait_s = max(_PAUSE_S, wait_s - (loop.time() - began_at))
        finally:
            works.fleet.give_up_probing(target.channel)

    async def _probe(self, target: Target) -> bool:
        works, loop = self._works, asyncio.get_running_loop()
        asked = works.fleet.asked(target.channel)
        assert asked is not None  # noqa: S101 - else it would not be watched
        channel = works.fleet.channels[target.channel]
        body = orjson.dumps({"model": channel.model, **_body(asked)})
        request = read_small_request(Call(asked.endpoint, asked.endpoint.value), body, depth_max=8)
        assert isinstance(request, ModelRequest)  # noqa: S101 - it is our own
        trial = Trial(
            number=1,
            target=target,
            reason=PickReason.PROBE,
            plan_version=works.plans.current().version,
            wall_at=works.clock.now(),
            at=loop.time(),
        )
        origin = Origin(
            request_id=RequestId(f"probe_{works.rng.getrandbits(96):024x}"),
            route=asked.route,
            stream=asked.stream,
        )
        dialogue = Dialogue(works, request, origin, trial)
        try:
            async with asyncio.timeout(_PROBE_S):
                failure = await dialogue.reach(
                    UpstreamRequest(
                        channel=channel,
                        path=request.path,
                        body=body,
                        stream=asked.stream,
                        timeouts=target.policy.timeouts,
                    )
                )
                if failure is None and asked.stream:
                    ending = await dialogue.relay(Delivery(_discard, origin.request_id, ""))
                    return ending.fault is None
        except TimeoutError as error:
            dialogue.overdue(
                exception_evidence(error, trial.phase, f"no answer to a probe in {_PROBE_S:g} s")
            )
            return False
        finally:
            await dialogue.aclose()
        # A refusal of the probe itself, or a limit, comes from a channel that is there; one that loads is not there yet.
        if failure is None:
            return True
        is_loading = failure.kind is FailureClass.COLD_START
        return not is_loading and not FAILURE_ADVICE[failure.kind].counts_against_channel


def _body(asked: Asked) -> Mapping[str, Any]:
    """A stream is asked for a little more: some channels answer well, and cut every stream."""
    body = _BODIES[asked.endpoint]
    if not asked.stream:
        return body
    return {
        **{name: _STREAM_TOKENS if "tokens" in name else value for name, value in body.items()},
        "stream": True,
    }


async def _discard(_message: Message) -> None:
    pass

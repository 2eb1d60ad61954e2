"""Copies of requests for experiments: sent beside the real one, read to their end, and discarded.

Nobody waits for a copy and nobody is answered by it. It is recorded like any attempt, under the request's id and a
number from `SHADOW_NUMBER` on; no key and no budget of a key pays for it. What all copies of an experiment may cost is
bounded before each is sent, by what its tokens would cost at most.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from foreroute.core.assignment import Drawn
from foreroute.core.attempt import ArmMark, PickReason, Usage
from foreroute.core.channel import Channel
from foreroute.core.experiment import SHADOW_NUMBER, PlannedArm, PlannedExperiment
from foreroute.core.routes import Target
from foreroute.gateway.delivery import Delivery, Message
from foreroute.gateway.dialogue import Dialogue
from foreroute.gateway.ports import UpstreamRequest
from foreroute.gateway.residency import Regions
from foreroute.gateway.select import Standing
from foreroute.gateway.till import Till
from foreroute.gateway.trial import Origin, Trial
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.request import ModelRequest
from foreroute.gateway.works import Works

_log: Final = logging.getLogger("foreroute.gateway")
_COPIED: Final = frozenset({Endpoint.CHAT, Endpoint.COMPLETIONS, Endpoint.MESSAGES, Endpoint.EMBEDDINGS})
"""Requests that leave nothing behind at the channel."""
_OUTPUT_TOKENS: Final = 1000
"""What a copy is taken to bring where neither the client nor earlier answers say."""


@dataclass(slots=True)
class _Purse:
    """What one experiment's copies have cost: as the plan said at first, and what this process has added since."""

    base_usd: Decimal
    own_usd: Decimal = Decimal(0)
    under_way: int = 0

    def spent_usd(self, told_usd: Decimal) -> Decimal:
        """The larger of what we know and what the plan says: other processes send copies too."""
        return max(self.base_usd + self.own_usd, told_usd)


class Shadows:
    """Lives on the gateway's event loop. Without a till no price is known, and no copy is sent."""

    def __init__(self, works: Works, till: Till | None) -> None:
        self._works, self._till = works, till
        self._purses: dict[str, _Purse] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def send(
        self,
        drawn: Drawn,
        request: ModelRequest,
        origin: Origin,
        headers: Mapping[str, str],
        regions: Regions | None = None,
    ) -> None:
        """Begins the copies of one experiment, those that its budget, their channels and `regions` allow."""
        if request.endpoint not in _COPIED:
            return
        for number, arm in enumerate(drawn.experiment.arms[1:]):
            channel = self._works.fleet.channels.get(arm.treatment.targets[0].channel)
            if regions is not None and channel is not None and channel.region not in regions:
                continue
            self._send(drawn, arm, number, request, origin, headers)

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _send(
        self,
        drawn: Drawn,
        arm: PlannedArm,
        number: int,
        request: ModelRequest,
        origin: Origin,
        headers: Mapping[str, str],
    ) -> None:
        works, loop = self._works, asyncio.get_running_loop()
        target = arm.treatment.targets[0]
        channel = works.fleet.channels.get(target.channel)
        if channel is None or channel.dialect is not request.endpoint.dialect:
            return
        if works.fleet.standing(target, loop.time()) is not Standing.FREE:
            return
        purse = self._purse(drawn.experiment)
        cost_usd = self._cost_usd(channel, request)
        if cost_usd is None or purse.under_way >= drawn.experiment.parallel_max:
            return
        if purse.spent_usd(drawn.experiment.spent_usd) + cost_usd > drawn.experiment.budget_usd:
            return
        purse.own_usd += cost_usd
        purse.under_way += 1
        mark = ArmMark(drawn.mark.run, arm.name, drawn.mark.unit)
        copy = replace(origin, key_id=None, trace=None, arms=(mark,))
        trial = Trial(
            number=SHADOW_NUMBER + number,
            target=target,
            reason=PickReason.SHADOW,
            plan_version=works.plans.current().version,
            wall_at=works.clock.now(),
            at=loop.time(),
        )
        trial.peers = (target,)
        call = _call(channel, target, request, headers)
        task = loop.create_task(self._ask(Dialogue(works, request, copy, trial), call, purse, cost_usd))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, dialogue: Dialogue, call: UpstreamRequest, purse: _Purse, cost_usd: Decimal) -> None:
        try:
            async with asyncio.timeout(call.timeouts.total_s):
                if await dialogue.reach(call) is None:
                    await dialogue.relay(Delivery(_discard, "", ""))
        except TimeoutError:
            pass  # recorded as ignored: nobody waited for it
        except Exception:  # noqa: BLE001 - the boundary of the copy: no request hears of it
            _log.exception("shadow_crashed", extra={"channel": dialogue.channel})
        finally:
            purse.under_way -= 1
            await dialogue.aclose()
            purse.own_usd += self._correction(dialogue, cost_usd)

    def _correction(self, dialogue: Dialogue, reserved_usd: Decimal) -> Decimal:
        """What it cost in place of what was reserved; an answer of unknown length keeps its reservation."""
        usage, channel = dialogue.trial.usage, self._works.fleet.channels.get(dialogue.channel)
        if channel is None or self._till is None or usage == Usage():
            return Decimal(0)
        price = self._till.prices.cost_usd(channel, usage, self._works.clock.now()).cost_usd
        return Decimal(0) if price is None else price - reserved_usd

    def _cost_usd(self, channel: Channel, request: ModelRequest) -> Decimal | None:
        if self._till is None:
            return None
        output = _OUTPUT_TOKENS if request.output_tokens_max is None else request.output_tokens_max
        output = 0 if request.endpoint is Endpoint.EMBEDDINGS else output * request.choices
        usage = Usage(input_tokens=request.input_tokens, output_tokens=output)
        return self._till.prices.cost_usd(channel, usage, self._works.clock.now()).cost_usd

    def _purse(self, experiment: PlannedExperiment) -> _Purse:
        purse = self._purses.get(experiment.run)
        if purse is None:
            purse = self._purses[experiment.run] = _Purse(experiment.spent_usd)
        return purse


def _call(
    channel: Channel, target: Target, request: ModelRequest, headers: Mapping[str, str]
) -> UpstreamRequest:
    return UpstreamRequest(
        channel=channel,
        method=request.method,
        path=request.path,
        body=request.for_channel(channel.model),
        content_type=request.content_type,
        stream=request.stream,
        timeouts=target.policy.timeouts,
        # An idempotency key is the real request's: the copy must not be taken for it.
        headers={name: value for name, value in headers.items() if name != "idempotency-key"},
    )


async def _discard(_message: Message) -> None:
    pass

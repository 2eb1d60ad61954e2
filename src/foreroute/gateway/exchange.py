"""One request from choice to answer: the hot path, and what happens when an attempt fails."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureEvidence, FailureFamily
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Route, Target
from foreroute.core.ports import AttemptSink, Classifier, Clock
from foreroute.gateway import errors, retry
from foreroute.gateway.delivery import Delivery, passed_on
from foreroute.gateway.evidence import answer_evidence
from foreroute.gateway.fleet import Fleet
from foreroute.gateway.openai import ModelRequest
from foreroute.gateway.plan_cell import PlanCell, ServedRoute
from foreroute.gateway.ports import Transport, TransportFailure, UpstreamRequest, UpstreamResponse
from foreroute.gateway.relay import read_error, relay_stream, relay_whole
from foreroute.gateway.select import Choice, Pick, again, choose
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.sse import StreamWatch
from foreroute.gateway.trial import Origin, Trial


@dataclass(slots=True)
class Tally:
    """Counts since the start. `attempts` equals the number of records that the sink was given."""

    requests: int = 0
    attempts: int = 0
    refused: int = 0
    """Requests for which no channel could be asked."""
    failed: int = 0
    """Requests that ended in an error of the gateway's or a channel's making."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """Everything that the requests share."""

    settings: GatewaySettings
    plans: PlanCell
    fleet: Fleet
    sink: AttemptSink
    transport: Transport
    classifier: Classifier
    clock: Clock
    rng: random.Random
    budget: retry.RetryBudget
    tally: Tally


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt of which the client has seen nothing. `answer` is the upstream's own error body."""

    kind: FailureClass
    evidence: FailureEvidence
    channel: ChannelId
    answer: tuple[int, Mapping[str, str], bytes] | None = None


class Exchange:
    def __init__(self, works: Works, request: ModelRequest, origin: Origin, delivery: Delivery) -> None:
        self._works = works
        self._request = request
        self._origin = origin
        self._delivery = delivery
        self._common_headers = delivery.own_headers
        self._headers: Mapping[str, str] = {}
        self._tries: list[ChannelId] = []
        self._failures: list[Failure] = []
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + works.settings.deadline_s

    async def run(self, served: ServedRoute, headers: Mapping[str, str]) -> None:
        """Try channels until one answers or none is left. The client always gets an answer."""
        self._headers = headers
        self._works.tally.requests += 1
        self._works.budget.request(self._loop.time())
        pick = choose(self._choice(served))
        if pick is None:
            return await self._refuse(served.route)
        while True:
            failure = await self._attempt(pick, served)
            if failure is None:
                return None
            self._failures.append(failure)
            next_pick = await self._next(served, failure)
            if next_pick is None:
                return await self._give_up(served.route)
            pick = next_pick

    async def _attempt(self, pick: Pick, served: ServedRoute) -> Failure | None:
        """One try. Recorded exactly once, whatever happens, before its connection is given back."""
        works, target = self._works, pick.target
        trial = self._begin(pick, served.version)
        permit = works.fleet.enter(target, self._loop.time())
        upstream: UpstreamResponse | None = None
        try:
            try:
                upstream = await works.transport.send(self._upstream_request(target))
                trial.status = upstream.status
                return await self._receive(upstream, trial)
            except TransportFailure as error:
                return await self._failed(trial, error.evidence)
            finally:
                now = self._loop.time()
                works.fleet.leave(target, permit, trial.verdict(), now)
                works.tally.attempts += 1
                works.sink.record(trial.attempt(self._origin, now))
        finally:
            if upstream is not None:
                await upstream.aclose(linger_s=works.settings.linger_s if self._delivery.ended else 0.0)

    async def _receive(self, upstream: UpstreamResponse, trial: Trial) -> Failure | None:
        request, settings = self._request, self._works.settings
        content_type = upstream.headers.get("content-type", "")
        if not 200 <= upstream.status < 300:
            body = await read_error(upstream, trial)
            evidence = answer_evidence(upstream.status, upstream.headers, body, self._works.clock.now())
            return await self._failed(trial, evidence, (upstream.status, upstream.headers, body))
        if content_type.startswith("text/event-stream"):
            watch = StreamWatch(
                status=upstream.status, content_type=content_type, strip_usage=not request.wants_usage
            )
            fault = await relay_stream(upstream, trial, self._delivery, settings, watch)
        else:
            fault = await relay_whole(request.endpoint, upstream, trial, self._delivery, settings)
        return None if fault is None else await self._failed(trial, fault)

    async def _failed(
        self,
        trial: Trial,
        evidence: FailureEvidence,
        answer: tuple[int, Mapping[str, str], bytes] | None = None,
    ) -> Failure | None:
        """Name the cause. If the client has a part of the answer already, tell it inside the stream."""
        kind = self._works.classifier.classify(evidence)
        trial.failed(kind, evidence)
        channel = trial.target.channel
        if evidence.retry_after_s:
            self._works.fleet.throttle(channel, evidence.retry_after_s, self._loop.time())
        if not self._delivery.started:
            return Failure(kind, evidence, channel, answer)
        self._works.tally.failed += 1
        await self._delivery.end(errors.interrupted(kind, evidence.message).event())
        return None

    async def _next(self, served: ServedRoute, failure: Failure) -> Pick | None:
        """The channel for the next attempt, after the backoff if it was tried before; None to give up."""
        if len(self._tries) >= served.route.attempts_max or not retry.may_fail_over(failure.kind):
            return None
        choice = self._choice(served)
        pick, wait_s = choose(choice), 0.0
        if pick is None and retry.may_repeat(failure.kind):
            pick = again(choice)
            repeats = len(self._tries) - len(set(self._tries))
            wait_s = retry.backoff_s(served.route.backoff_s, repeats, self._works.rng.random())
        now = self._loop.time()
        if pick is None or now + wait_s >= self._deadline or not self._may_spend(pick, now):
            return None
        if wait_s:
            await asyncio.sleep(wait_s)
        return pick

    def _may_spend(self, pick: Pick, at: float) -> bool:
        """A request's first failover is free: no channel sees a request twice for it, and breakers bound it."""
        new = pick.target.channel not in self._tries
        free = new and len(self._tries) <= self._works.settings.free_failovers
        return free or self._works.budget.take(at)

    def _choice(self, served: ServedRoute) -> Choice:
        works, now = self._works, self._loop.time()
        return Choice(
            route=served.route,
            standing=lambda target: works.fleet.standing(target, now),
            in_flight=works.fleet.in_flight,
            draws=(works.rng.random(), works.rng.random()),
            tried=self._tries,
            static=served.static,
        )

    def _begin(self, pick: Pick, plan_version: int) -> Trial:
        self._tries.append(pick.target.channel)
        self._delivery.own_headers = [
            *self._common_headers,
            (b"x-foreroute-channel", pick.target.channel.encode()),
            (b"x-foreroute-reason", pick.reason.encode()),
            (b"x-foreroute-attempts", b"%d" % len(self._tries)),
        ]
        return Trial(
            number=len(self._tries),
            target=pick.target,
            reason=pick.reason,
            plan_version=plan_version,
            wall_at=self._works.clock.now(),
            at=self._loop.time(),
        )

    def _upstream_request(self, target: Target) -> UpstreamRequest:
        channel = self._works.fleet.channels[target.channel]
        timeouts = target.policy.timeouts
        left_s = self._deadline - self._loop.time()
        return UpstreamRequest(
            channel=channel,
            path=self._request.endpoint.value,
            body=self._request.for_channel(channel.model),
            stream=self._request.stream,
            timeouts=timeouts if timeouts.total_s <= left_s else replace(timeouts, total_s=left_s),
            headers=self._headers,
        )

    async def _refuse(self, route: Route) -> None:
        self._works.tally.refused += 1
        now = self._loop.time()
        self._delivery.own_headers = [*self._common_headers, (b"x-foreroute-attempts", b"0")]
        wait_s = self._works.fleet.wait_s(route, now)
        dead = all(target.weight <= 0 for target in route.targets)
        answer = errors.unavailable(route.name, wait_s) if dead else errors.busy(route.name, wait_s)
        await self._delivery.error(answer)

    async def _give_up(self, route: Route) -> None:
        """The client's own fault goes back as the upstream said it; anything else as the gateway's error."""
        last = self._failures[-1]
        own = next(
            (f for f in reversed(self._failures) if f.answer is not None and _is_callers(f.kind)), None
        )
        if own is not None and own.answer is not None:
            status, headers, body = own.answer
            return await self._delivery.whole(status, passed_on(headers), body)
        self._works.tally.failed += 1
        wait_s = self._works.fleet.wait_s(route, self._loop.time())
        if wait_s is None:
            wait_s = last.evidence.retry_after_s
        return await self._delivery.error(errors.all_failed(route.name, last.kind, wait_s))


def _is_callers(kind: FailureClass) -> bool:
    """Whether the caller must change the request: its fault, or no channel of the route takes it."""
    return FAILURE_ADVICE[kind].family in {FailureFamily.REQUEST_FAULT, FailureFamily.REQUEST_MISMATCH}

"""One request from choice to answer: the hot path, and what happens when an attempt fails."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from foreroute.core.attempt import PickReason
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.limits import UNTIMED
from foreroute.core.plan import Route, Select, Target
from foreroute.gateway import retry
from foreroute.gateway.able import able
from foreroute.gateway.delivery import Delivery, passed_on
from foreroute.gateway.dialogue import Dialogue, Failure
from foreroute.gateway.fleet import Asked
from foreroute.gateway.hedge import Race, race
from foreroute.gateway.last_word import callers_own, never_asked, none_answered
from foreroute.gateway.narrow import narrowed
from foreroute.gateway.plan_cell import ServedRoute
from foreroute.gateway.ports import UpstreamRequest
from foreroute.gateway.relay import Ending
from foreroute.gateway.residency import Regions
from foreroute.gateway.select import Choice, Pick, Standing, again, choose
from foreroute.gateway.tab import Tab
from foreroute.gateway.till import Till, waits_s
from foreroute.gateway.trial import Origin, Trial
from foreroute.gateway.tuned import retry_ratio
from foreroute.gateway.wanting import none_fits, on_route, wants_of
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.request import ModelRequest
from foreroute.gateway.works import Works

_REMEMBERED: Final = frozenset({Endpoint.RESPONSES, Endpoint.OPAQUE})
"""Later requests refer to what these have made."""


class Exchange:
    """Serves one request. `headers` go to the channels with every attempt."""

    def __init__(
        self,
        works: Works,
        request: ModelRequest,
        origin: Origin,
        delivery: Delivery,
        headers: Mapping[str, str],
        tab: Tab | None = None,
        regions: Regions | None = None,
        till: Till | None = None,
    ) -> None:
        self._works = works
        self._regions = regions
        self._tab, self._till = tab, till
        self._barred: set[ChannelId] = set()
        """Channels that a budget of theirs has no room for."""
        self._request = request
        self._origin = origin
        self._route = Route(name=origin.route, targets=())
        self._delivery = delivery
        self._headers = headers
        self._common_headers = delivery.own_headers
        self._attempts = 0
        self._tries: list[ChannelId] = []
        self._failures: list[Failure] = []
        self._trial: Trial | None = None
        self._waited_s = 0.0
        self._retry_ratio = retry_ratio(works.plans.current(), works.settings.retry_ratio)
        self._luck = works.rng.random() if works.plans.current().limits else 1.0
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._deadline = self._began + works.settings.deadline_s

    async def run(self, routes: Sequence[ServedRoute]) -> None:
        """Try the channels of each route until one answers or none is left. The client always gets an answer."""
        works, now = self._works, self._loop.time()
        works.tally.requests += 1
        works.budget.request(now)
        works.hedges.request(now)
        try:
            return await self._run(routes)
        except asyncio.CancelledError:
            works.tally.left += not self._attempts
            raise

    async def _run(self, routes: Sequence[ServedRoute]) -> None:
        works = self._works
        wants = wants_of(self._request, routes[0].route, self._regions, works.affinity, works.fleet.channels)
        for planned in routes:
            served = self._tuned(planned)
            route = narrowed(served.route, on_route(wants, served.route), works.knowledge)
            if wants.pinned is None:
                route = able(route, wants.work, self._request.names, works.plans.current().refusals)
            if not route.targets:
                continue
            self._route = route
            if await self._serve(served if route is served.route else replace(served, route=route)):
                return None
            if not self._may_go_on():
                break
        if not self._route.targets:
            return await self._delivery.error(
                none_fits((one.route for one in routes), wants, works.knowledge)
            )
        if await self._room():
            return await self._run(routes)
        return await self._give_up()

    async def _room(self) -> bool:
        """Whether to try again because a budget that stood in the way may have room now."""
        till, refused = self._till, None if self._tab is None else self._tab.refused
        if till is None or refused is None or self._failures:
            return False
        until = self._began + waits_s(refused, till.book.named(refused.scope))
        if self._loop.time() >= until or till.waiting >= self._works.settings.queue_max:
            return False
        await till.room(until - self._loop.time())
        self._barred.clear()
        return True

    def _tuned(self, served: ServedRoute) -> ServedRoute:
        """With the plan's tuned limits; a plan that has expired has none."""
        plan = self._works.plans.current()
        if served.static or not plan.limits:
            return served
        timed = self._request.endpoint.value not in UNTIMED
        route = self._works.tuned.route(served.route, plan, self._origin.request_id, timed=timed)
        return served if route is served.route else replace(served, route=route)

    async def _serve(self, served: ServedRoute) -> bool:
        """Whether the client has got its answer from one of the route's channels, or what there was of it."""
        self._tries = []
        if self._origin.route != served.route.name:
            self._origin = replace(self._origin, route=served.route.name)
        pick = choose(self._choice(served)) or await self._queue(served)
        while pick is not None:
            if not await self._may_pay(pick, served):
                pick = choose(self._choice(served)) or await self._queue(served)
                continue
            failure = await self._attempt(pick, served)
            if failure is None:
                return True
            self._failures.append(failure)
            pick = await self._next(served, failure)
        return False

    async def _attempt(self, pick: Pick, served: ServedRoute) -> Failure | None:
        """One try, and the answer if it has one. Recorded exactly once, before the client sees the end."""
        after_s = pick.target.policy.hedge_after_s
        if after_s is not None and len(self._tries) + 1 < served.route.attempts_max:
            return await self._hedged(pick, served, after_s)
        dialogue = self._begin(pick, served.version)
        try:
            failure = await dialogue.reach(self._upstream_request(pick.target))
            if failure is None:
                await self._hand_over(dialogue)
            return failure
        finally:
            await dialogue.aclose(linger_s=self._works.settings.linger_s if dialogue.went_well else 0.0)

    async def _hedged(self, pick: Pick, served: ServedRoute, after_s: float) -> Failure | None:
        """The same, with a second attempt beside the first after a while, and the answer of whoever has one first."""

        async def second() -> tuple[Dialogue, UpstreamRequest] | None:
            other = choose(self._choice(served))
            unfit = other is None or other.reason is PickReason.LAST_RESORT
            if other is None or unfit or not self._works.hedges.take(self._loop.time()):
                return None
            if not await self._may_pay(other, served, beside=True):
                return None
            hedge = self._begin(replace(other, reason=PickReason.HEDGE), served.version, hedge=True)
            return hedge, self._upstream_request(other.target)

        first = self._begin(pick, served.version)
        result = Race()
        try:
            await race(first, self._upstream_request(pick.target), after_s, second, result)
            self._failures += result.failures[:-1]
            if result.winner is None:
                return result.failures[-1]
            await self._hand_over(result.winner)
            return None
        finally:
            dialogue = result.winner or first
            await dialogue.aclose(linger_s=self._works.settings.linger_s if dialogue.went_well else 0.0)

    async def _may_pay(self, pick: Pick, served: ServedRoute, *, beside: bool = False) -> bool:
        """Reserves for the attempt. A channel that its budget has no room for is not asked again."""
        name, tab = pick.target.channel, self._tab
        channel = self._works.fleet.channels.get(name)
        if tab is None or channel is None:
            return True
        may = await tab.enter(served.route.name, channel, self._works.clock.now(), beside=beside)
        if not may and not beside:
            self._barred.add(name)
        return may

    async def _hand_over(self, dialogue: Dialogue) -> None:
        delivery = self._delivery
        if not delivery.started:
            delivery.own_headers = self._headers_of(dialogue.trial)
        ending = await dialogue.relay(delivery)
        if self._request.endpoint in _REMEMBERED and dialogue.answer is not None:
            self._works.affinity.note(dialogue.answer.answer_id, dialogue.channel)
        dialogue.settle()
        if self._tab is not None:
            self._tab.close(self._works.clock.now())
        if ending.fault is not None:
            self._works.tally.failed += 1
        await self._finish(ending, dialogue)

    async def _finish(self, ending: Ending, dialogue: Dialogue) -> None:
        """The last bytes: of the answer, or of what tells the client that this was not all of it."""
        delivery, fault = self._delivery, ending.fault
        if ending.head is not None:
            return await delivery.whole(*ending.head, ending.body)
        if ending.cut:
            return await delivery.end(delivery.error_event(errors.budget_cut()))
        if fault is None:
            return await delivery.end(ending.body)
        if delivery.is_event_stream:
            broken = errors.interrupted(
                dialogue.trial.failure_class or FailureClass.STREAM_INTERRUPTED, fault.message
            )
            return await delivery.end(delivery.error_event(broken))
        return delivery.abort()

    async def _next(self, served: ServedRoute, failure: Failure) -> Pick | None:
        """The channel for the next attempt, after the backoff if it was tried before; None to give up."""
        if len(self._tries) >= served.route.attempts_max or not retry.may_fail_over(failure.kind):
            return None
        choice = self._choice(served)
        pick, wait_s = choose(choice), 0.0
        if pick is None and retry.may_repeat(failure.kind) and not self._is_everybodys(failure):
            pick = again(choice)
            repeats = len(self._tries) - len(set(self._tries))
            wait_s = retry.backoff_s(served.route.backoff_s, repeats, self._works.rng.random())
        if pick is None:
            pick, wait_s = await self._queue(served), 0.0
        now = self._loop.time()
        if pick is None or now + wait_s >= self._deadline or not self._may_spend(pick, now):
            return None
        if wait_s:
            await asyncio.sleep(wait_s)
        return pick

    def _is_everybodys(self, failure: Failure) -> bool:
        """Several servers have failed with this request: once more would tell nothing new."""
        same = [one for one in self._failures if one.kind is FailureClass.SERVER_ERROR]
        return failure.kind is FailureClass.SERVER_ERROR and len({one.channel for one in same}) > 1

    def _may_spend(self, pick: Pick, at: float) -> bool:
        """A request's first failover is free: no channel sees a request twice for it, and breakers bound it."""
        new = pick.target.channel not in self._tries
        free = new and len(self._tries) <= self._works.settings.free_failovers
        return free or self._works.budget.take(at, self._retry_ratio)

    def _may_go_on(self) -> bool:
        """Whether another route may do better, and there is time for it."""
        last = self._failures[-1] if self._failures else None
        return self._loop.time() < self._deadline and (last is None or retry.may_fail_over(last.kind))

    def _choice(self, served: ServedRoute) -> Choice:
        works, now, luck = self._works, self._loop.time(), self._luck
        explore_ratio = 1.0 if served.route.select is Select.SHARES else works.settings.explore_ratio
        return Choice(
            route=served.route,
            standing=lambda target: (
                Standing.ABSENT if target.channel in self._barred else works.fleet.standing(target, now, luck)
            ),
            in_flight=works.fleet.in_flight,
            draws=(works.rng.random(), works.rng.random()),
            tried=self._tries,
            static=served.static,
            slowdown=lambda channel: works.fleet.slowdown(channel, now),
            trust=lambda channel: works.fleet.trust(channel, now),
            prefix=self._request.prefix() if served.route.sticky else None,
            explore=works.rng.random() < explore_ratio,
            explore_ratio=explore_ratio,
        )

    def _begin(self, pick: Pick, plan_version: int, *, hedge: bool = False) -> Dialogue:
        self._tries.append(pick.target.channel)
        if self._request.endpoint is not Endpoint.OPAQUE:
            asked = Asked(self._request.endpoint, self._route.name, self._request.stream)
            self._works.fleet.note_asked(pick.target.channel, asked)
        self._attempts += 1
        trial = Trial(
            number=self._attempts,
            target=pick.target,
            reason=pick.reason,
            plan_version=plan_version,
            wall_at=self._works.clock.now(),
            at=self._loop.time(),
            hedge=hedge,
        )
        trial.peers, trial.rule, trial.candidates = self._route.targets, pick.rule, pick.candidates
        trial.propensity = None if hedge else pick.propensity
        self._trial = trial
        return Dialogue(self._works, self._request, self._origin, trial, self._tab)

    def _headers_of(self, trial: Trial | None) -> list[tuple[bytes, bytes]]:
        if trial is None:
            return [*self._common_headers, (b"x-foreroute-attempts", b"0")]
        return [
            *self._common_headers,
            (b"x-foreroute-channel", trial.target.channel.encode()),
            (b"x-foreroute-reason", trial.reason.encode()),
            (b"x-foreroute-attempts", b"%d" % self._attempts),
        ]

    def _upstream_request(self, target: Target) -> UpstreamRequest:
        channel, request = self._works.fleet.channels[target.channel], self._request
        timeouts = target.policy.timeouts.for_work(request.input_tokens, request.output_tokens_max)
        if target.policy.leash:
            timeouts = timeouts.times(2.0)
        left_s = self._deadline - self._loop.time()
        return UpstreamRequest(
            channel=channel,
            method=request.method,
            path=request.path,
            body=request.for_channel(channel.model),
            content_type=request.content_type,
            stream=request.stream,
            timeouts=timeouts.within(left_s),
            headers=self._headers,
        )

    async def _queue(self, served: ServedRoute) -> Pick | None:
        """Waits for a place on a channel, if one is likely to come in time and the line is not too long."""
        works, settings = self._works, self._works.settings
        until = min(self._loop.time() + settings.queue_s - self._waited_s, self._deadline)
        gone = {*self._tries, *self._barred}
        untried = [t.channel for t in served.route.targets if t.weight > 0 and t.channel not in gone]
        while works.line.length < settings.queue_max:
            now = self._loop.time()
            wait_s = works.fleet.turn_s(untried, until - now, now)
            if wait_s is None:
                return None
            await works.line.wait(untried, wait_s)
            self._waited_s += self._loop.time() - now
            if (pick := choose(self._choice(served))) is not None:
                return pick
        return None

    async def _give_up(self) -> None:
        """The client's own fault goes back as the upstream said it; anything else as the gateway's error."""
        works, delivery, route = self._works, self._delivery, self._route
        wait_s = works.fleet.wait_s(route, self._loop.time())
        delivery.own_headers = self._headers_of(self._trial)
        if not self._failures:
            works.tally.refused += 1
            refusal = None if self._tab is None else self._tab.refused
            budget = None if self._till is None or refusal is None else self._till.book.named(refusal.scope)
            return await delivery.error(never_asked(route, wait_s, refusal, budget))
        own = callers_own(self._failures)
        if own is None or own.answer is None:
            works.tally.failed += 1
            return await delivery.error(none_answered(route, self._failures, wait_s))
        status, headers, body = own.answer
        if delivery.started:
            return await delivery.error(errors.upstream_said(status, own.evidence))
        return await delivery.whole(status, passed_on(headers), body)

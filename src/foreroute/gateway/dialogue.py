"""One attempt's talk with a channel: send, reach an answer, relay it, and leave exactly one record."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foreroute.core.attempt import NO_USAGE, Outcome, Usage
from foreroute.core.failure import FailureClass, FailureEvidence
from foreroute.core.ids import ChannelId
from foreroute.gateway.breaker import Permit
from foreroute.gateway.delivery import Delivery
from foreroute.gateway.ports import TransportFailure, UpstreamRequest, UpstreamResponse
from foreroute.gateway.relay import Allows, Answer, Ending, answer_of, read_error
from foreroute.gateway.tab import Tab
from foreroute.gateway.trial import Origin, Trial
from foreroute.gateway.wire.evidence import answer_evidence
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.rate_limits import read_rate_limits
from foreroute.gateway.wire.request import ModelRequest
from foreroute.gateway.wire.unquoted import unquoted
from foreroute.gateway.works import Works

_CALLERS_OWN: Final = frozenset({400, 404, 405, 409, 410, 413, 415, 422})
_NOT_ALLOWED: Final = frozenset({401, 402, 403})
_OVERTAKEN: Final = 3.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt of which the client has seen nothing. `answer` is the upstream's own error body."""

    kind: FailureClass
    evidence: FailureEvidence
    channel: ChannelId
    answer: tuple[int, Mapping[str, str], bytes] | None = None


class Dialogue:
    """Takes its place on the channel at once. Every dialogue is settled once and closed, whatever happens to it."""

    def __init__(
        self, works: Works, request: ModelRequest, origin: Origin, trial: Trial, tab: Tab | None = None
    ) -> None:
        self.trial = trial
        self.answer: Answer | None = None
        self._works = works
        self._request = request
        self._origin = origin
        self._tab = tab
        self._loop = asyncio.get_running_loop()
        self._upstream: UpstreamResponse | None = None
        self._permit: Permit | None = works.fleet.enter(trial.target, self._loop.time())

    @property
    def channel(self) -> ChannelId:
        return self.trial.target.channel

    @property
    def went_well(self) -> bool:
        """The whole answer has come, so that its connection is worth keeping."""
        return self.trial.outcome is Outcome.SUCCESS

    async def reach(self, call: UpstreamRequest) -> Failure | None:
        """Goes on until there is something for the client; otherwise says why there will be nothing."""
        works, trial, request = self._works, self.trial, self._request
        try:
            upstream = self._upstream = await works.transport.send(call)
            trial.status, trial.connect_s = upstream.status, call.connect_s
            trial.rate_limits = read_rate_limits(upstream.headers, works.clock.now())
            if not 200 <= upstream.status < 300:
                body = await read_error(upstream, trial)
                evidence = answer_evidence(upstream.status, upstream.headers, body, works.clock.now())
                return self._failed(evidence, (upstream.status, upstream.headers, body))
            self.answer = answer_of(request, upstream, trial, works.settings, self._allows())
            fault = await self.answer.reach()
        except TransportFailure as error:
            fault, trial.connect_s = error.evidence, call.connect_s
        if fault is not None:
            return self._failed(fault)
        if works.fleet.reached(self.channel):
            works.line.open_up(self.channel)
        return None

    async def relay(self, delivery: Delivery) -> Ending:
        """After `reach`: hands the answer over, but for the last bytes. A fault in the ending is noted here."""
        assert self.answer is not None  # noqa: S101 - reach has found one
        ending = await self.answer.relay(delivery)
        if ending.fault is not None:
            self._failed(ending.fault)
        return ending

    def lose(self, winner: "Dialogue | None") -> None:
        """Another attempt was faster, or the client has left.

        To be overtaken by one that began much later speaks against the channel.
        """
        now = self._loop.time()
        if winner is not None and self.trial.age_s(now) >= _OVERTAKEN * winner.trial.age_s(now):
            self.trial.was_overtaken = True

    def overdue(self, evidence: FailureEvidence) -> None:
        """Whoever waited has given up."""
        self._failed(evidence)

    def settle(self) -> None:
        """Take the attempt off the channel and record it. Further calls do nothing."""
        if (permit := self._permit) is None:
            return
        self._permit = None
        works, trial, now = self._works, self.trial, self._loop.time()
        if self.answer is not None:
            trial.tier = self.answer.tier
            trial.usage = self.answer.usage
        if trial.was_left and trial.usage == NO_USAGE:
            trial.usage = Usage(input_tokens=self._request.input_tokens)
        if trial.outcome is Outcome.SUCCESS:
            works.suspects.answered(self._request.body)
        works.fleet.leave(trial, permit, stream=self._origin.stream, at=now)
        works.line.vacancy(self.channel)
        works.tally.attempts += 1
        attempt = trial.attempt(self._origin, now)
        works.sink.record(attempt)
        if self._tab is not None:
            self._tab.add(attempt, works.clock.now())

    async def aclose(self, *, linger_s: float = 0.0) -> None:
        self.settle()
        if self._upstream is not None:
            await self._upstream.aclose(linger_s=linger_s)

    def _allows(self) -> Allows | None:
        tab, clock = self._tab, self._works.clock
        return None if tab is None else lambda output_tokens: tab.allows(output_tokens, clock.now())

    def _failed(
        self, evidence: FailureEvidence, answer: tuple[int, Mapping[str, str], bytes] | None = None
    ) -> Failure:
        kind = self._works.classifier.classify(evidence)
        if self._request.endpoint is Endpoint.OPAQUE:
            if evidence.status in _CALLERS_OWN:
                kind = FailureClass.INVALID_REQUEST  # of a path or an object, not of the channel's model
            # A channel that may not serve this path serves its model all the same.
            self.trial.speaks_of_channel = evidence.status not in _NOT_ALLOWED
        works, now = self._works, self._loop.time()
        if kind is FailureClass.SERVER_ERROR and evidence.status is not None:
            is_to_blame = works.suspects.is_to_blame(self._request.body, self.channel, now)
            self.trial.speaks_of_channel &= not is_to_blame
        self.trial.failed(kind, unquoted(evidence, self._request.body))  # what is kept quotes no prompt
        if evidence.retry_after_s:
            works.fleet.throttle(self.channel, evidence.retry_after_s, now)
        elif kind is FailureClass.RATE_LIMITED:
            works.fleet.slow_down(self.channel, now)
        return Failure(kind, evidence, self.channel, answer)

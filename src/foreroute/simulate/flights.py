"""One attempt while it is under way, and the record that it leaves."""

from dataclasses import dataclass, field
from decimal import Decimal

from foreroute.core.attempt import Asked, Attempt, Outcome
from foreroute.core.failure import FailureClass, FailureEvidence, Phase
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Target
from foreroute.core.ports import Classifier
from foreroute.gateway.trial import Trial
from foreroute.simulate.replies import SILENT, STALLED, UNREACHABLE, Reply, broken_off
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Pick


@dataclass(slots=True, kw_only=True)
class Call:
    """One request on its way."""

    request: Request
    tried: list[ChannelId] = field(default_factory=list)
    cost_usd: Decimal = Decimal(0)
    failed: Attempt | None = None


@dataclass(slots=True)
class Flight:
    """One attempt under way."""

    call: Call
    pick: Pick
    number: int
    started_at: float
    reply: Reply
    is_over: bool = False
    was_heard: bool = False
    """Whether its first content has been told of."""

    @property
    def speaks_before_its_end(self) -> bool:
        return self.call.request.stream and (self.reply.has_spoken or self.reply.succeeds)

    @property
    def ends_at(self) -> float:
        return self.started_at + self.reply.ends_s

    @property
    def has_spoken(self) -> bool:
        """Whether the user has seen content, so that no other channel can take over."""
        return self.call.request.stream and self.reply.has_spoken

    @property
    def first_chunk_s(self) -> float | None:
        """When the user saw content, from the start of the attempt; None: never."""
        if self.has_spoken or (self.reply.succeeds and self.call.request.stream):
            return self.reply.first_chunk_s
        return self.reply.ends_s if self.reply.succeeds else None


class Verdicts:
    """What a failure is called and how it is judged: by the gateway's own rules, once for each kind of evidence."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._known: dict[FailureEvidence, tuple[FailureClass, Outcome]] = {}

    def of(self, evidence: FailureEvidence) -> tuple[FailureClass, Outcome]:
        found = self._known.get(evidence)
        if found is None:
            failure = self._classifier.classify(evidence)
            trial = Trial(
                number=1,
                target=Target(channel=ChannelId(""), weight=1.0),
                reason=Pick(channel=ChannelId("")).reason,
                plan_version=0,
                wall_at=0.0,
                at=0.0,
            )
            trial.failed(failure, evidence)
            found = self._known[evidence] = failure, trial.outcome
        return found


def attempt_of(flight: Flight, verdicts: Verdicts, cost_usd: Decimal | None) -> Attempt:
    request, reply, evidence = flight.call.request, flight.reply, flight.reply.evidence
    failure, outcome = (None, Outcome.SUCCESS) if evidence is None else verdicts.of(evidence)
    return Attempt(
        request_id=request.id,
        number=flight.number,
        route=flight.pick.route or request.route,
        channel=flight.pick.channel,
        started_at=flight.started_at,
        duration_s=reply.ends_s,
        outcome=outcome,
        reason=flight.pick.reason,
        plan_version=flight.pick.plan_version,
        client_region=request.place or None,
        key_id=request.key_id,
        stream=request.stream,
        time_to_first_chunk_s=flight.first_chunk_s,
        failure_class=failure,
        phase=Phase.DONE if evidence is None else evidence.phase,
        status=200 if evidence is None else evidence.status,
        usage=reply.usage,
        cost_usd=cost_usd,
        retry_after_s=None if evidence is None else evidence.retry_after_s,
        rule=flight.pick.rule,
        candidates=flight.pick.candidates,
        asked=Asked("/chat/completions", request.input_tokens, request.output_tokens_max, request.tools),
        error="" if evidence is None else evidence.message,
    )


def with_patience(reply: Reply, pick: Pick, *, stream: bool) -> Reply:
    """What becomes of an answer under the timeouts of its caller."""
    timeouts = pick.timeouts
    if reply.evidence is UNREACHABLE:
        return Reply(ends_s=timeouts.connect_s, evidence=UNREACHABLE)
    first_s = min(reply.first_chunk_s, reply.ends_s) if stream else reply.ends_s
    limit_s = min(timeouts.first_chunk_s, timeouts.total_s) if stream else timeouts.total_s
    if first_s > limit_s:
        return Reply(ends_s=limit_s, evidence=SILENT, limits=reply.limits)
    if reply.ends_s > timeouts.total_s:
        cut = broken_off(reply, timeouts.total_s)
        return Reply(
            ends_s=cut.ends_s,
            first_chunk_s=cut.first_chunk_s,
            evidence=STALLED,
            usage=cut.usage,
            limits=cut.limits,
        )
    return reply

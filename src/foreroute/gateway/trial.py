"""One attempt while it runs: what will be recorded, gathered as it becomes known."""

from dataclasses import dataclass
from typing import Final

from foreroute.core.attempt import (
    NO_USAGE,
    NOTHING_ASKED,
    ArmMark,
    Asked,
    Attempt,
    Candidate,
    Outcome,
    PickReason,
    PickRule,
    Usage,
)
from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureEvidence, FailureFamily, Phase
from foreroute.core.ids import KeyId, RegionId, RequestId, RouteName
from foreroute.core.limits import RateLimits
from foreroute.core.plan import Target
from foreroute.gateway.breaker import Verdict

_OUTCOMES: Final = {
    FailureClass.RATE_LIMITED: Outcome.THROTTLED,
    FailureClass.TIMEOUT_CONNECT: Outcome.TIMEOUT,
    FailureClass.TIMEOUT_READ: Outcome.TIMEOUT,
    FailureClass.COLD_START: Outcome.FAILURE,
    FailureClass.UNKNOWN: Outcome.FAILURE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What all attempts of a request have in common."""

    request_id: RequestId
    route: RouteName
    stream: bool
    key_id: KeyId | None = None
    client_region: RegionId | None = None
    trace: str | None = None
    asked: Asked = NOTHING_ASKED
    arms: tuple[ArmMark, ...] = ()


class Trial:
    """Begins as `ignored`: if nothing else is said by its end, the client left and nothing was learnt."""

    def __init__(
        self,
        *,
        number: int,
        target: Target,
        reason: PickReason,
        plan_version: int,
        wall_at: float,
        at: float,
        hedge: bool = False,
    ) -> None:
        self.hedge = hedge
        self.target = target
        self.outcome = Outcome.IGNORED
        self.status: int | None = None
        self.usage: Usage = NO_USAGE
        self.tier = ""
        """The service tier that the channel says has answered."""
        self.phase = Phase.SEND
        self.evidence: FailureEvidence | None = None
        self.failure_class: FailureClass | None = None
        self.was_overtaken = False
        self.speaks_of_channel = True
        """Whether its failure says something about the channel itself."""
        self.rule = PickRule.WEIGHT
        self.candidates: tuple[Candidate, ...] = ()
        self.propensity: float | None = None
        self.peers: tuple[Target, ...] = ()
        """The targets of the route, this one included."""
        self._number = number
        self.reason = reason
        self._plan_version = plan_version
        self._wall_at = wall_at
        self._at = at
        self._first_chunk_s: float | None = None
        self.connect_s: float | None = None
        self.rate_limits: RateLimits | None = None
        self._byte_at = at
        self._gap_max_s = 0.0

    @property
    def started_at(self) -> float:
        """On the event loop's clock."""
        return self._at

    def byte(self, at: float) -> None:
        """Something has come."""
        if self._first_chunk_s is None:
            self._first_chunk_s = at - self._at
            self.phase = Phase.STREAM
        elif at - self._byte_at > self._gap_max_s:
            self._gap_max_s = at - self._byte_at
        self._byte_at = at

    def succeeded(self, usage: Usage) -> None:
        self.outcome, self.usage, self.phase = Outcome.SUCCESS, usage, Phase.DONE

    def failed(self, failure: FailureClass, evidence: FailureEvidence) -> None:
        self.failure_class, self.evidence, self.phase = failure, evidence, evidence.phase
        judged = Outcome.FAILURE if FAILURE_ADVICE[failure].counts_against_channel else Outcome.IGNORED
        self.outcome = _OUTCOMES.get(failure, judged)

    def delay_s(self, stream: bool, at: float) -> float:
        """What the caller waited for: the first chunk of a stream, the whole of another answer."""
        return self._first_chunk_s if stream and self._first_chunk_s is not None else at - self._at

    def age_s(self, at: float) -> float:
        return at - self._at

    @property
    def was_left(self) -> bool:
        """Nobody waited for its end. What was asked for is billed all the same."""
        return self.outcome is Outcome.IGNORED and self.failure_class is None

    def verdict(self) -> Verdict:
        """What the breaker is told."""
        if self.outcome is Outcome.SUCCESS:
            return Verdict.SUCCESS
        if self.was_overtaken:
            return Verdict.FAILURE
        if self.failure_class is None or not self.speaks_of_channel:
            return Verdict.NEUTRAL
        if self.failure_class is FailureClass.COLD_START:
            return (
                Verdict.DOWN
            )  # no failure of its own, but nobody is served until a completion of the gateway's is
        advice = FAILURE_ADVICE[self.failure_class]
        if not advice.counts_against_channel:
            return Verdict.NEUTRAL
        return Verdict.DOWN if advice.family is FailureFamily.DOWN_UNTIL_CHANGE else Verdict.FAILURE

    def attempt(self, origin: Origin, at: float) -> Attempt:
        evidence = self.evidence
        return Attempt(
            request_id=origin.request_id,
            number=self._number,
            route=origin.route,
            channel=self.target.channel,
            started_at=self._wall_at,
            duration_s=at - self._at,
            outcome=self.outcome,
            reason=self.reason,
            plan_version=self._plan_version,
            client_region=origin.client_region,
            key_id=origin.key_id,
            stream=origin.stream,
            time_to_first_chunk_s=self._first_chunk_s,
            failure_class=self.failure_class,
            phase=self.phase,
            status=self.status,
            usage=self.usage,
            retry_after_s=None if evidence is None else evidence.retry_after_s,
            hedge=self.hedge,
            rule=self.rule,
            candidates=self.candidates,
            propensity=self.propensity,
            error="" if evidence is None else evidence.message[:200],
            trace=origin.trace,
            asked=origin.asked,
            served_tier=self.tier,
            arms=origin.arms,
            connect_s=self.connect_s,
            gap_max_s=self._gap_s(at),
            canary=self.target.policy.canary,
            leash=self.target.policy.leash,
            rate_limits=self.rate_limits,
        )

    def _gap_s(self, at: float) -> float | None:
        """The longest silence; for an attempt that ended in one, that one too."""
        if self._first_chunk_s is None:
            return None
        last_s = 0.0 if self.outcome is Outcome.SUCCESS else at - self._byte_at
        return max(self._gap_max_s, last_s)

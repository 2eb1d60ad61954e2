"""A channel on virtual time whose answers, stalls and limits are known, behind the gateway's own reading of a plan.

What is simulated is the channel; how limits become a policy, who is in the canary and who runs on the long leash is
the gateway's code, and what is tuned is the tuner's.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from foreroute.core.attempt import Asked, Attempt, Outcome, PickReason, Usage
from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.limits import ChannelLimits
from foreroute.core.routes import CallPolicy
from foreroute.gateway.tuned import lot_of, policy_of
from foreroute.heal.tuning.rails import Rails
from foreroute.heal.tuning.tuner import Tuner
from foreroute.heal.tuning.values import Change, Look, Outlook, Round

CHANNEL: Final = ChannelId("a")
START_AT: Final = 1_750_000_000.0 // 3600 * 3600
_MINUTE_S: Final = 60.0
_HANG: Final = math.inf


@dataclass(frozen=True, slots=True)
class Answer:
    """What the channel would do if nobody cut it off. Infinity: it hangs there."""

    input_tokens: int
    output_tokens: int
    first_s: float
    gap_s: float
    total_s: float
    connect_s: float | None = None
    failed: bool = False
    pushed_back: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """How the channel is, by the minute since the start."""

    per_minute: int = 120
    slowness: Callable[[float], float] = lambda _minute: 1.0
    hang_ratio: Callable[[float], float] = lambda _minute: 0.0
    failure_ratio: Callable[[float], float] = lambda _minute: 0.002
    pushback_ratio: Callable[[float], float] = lambda _minute: 0.0
    first_sigma: float = 0.35

    def answer(self, rng: Random, minute: float) -> Answer:
        slow = self.slowness(minute)
        inputs, outputs = int(rng.lognormvariate(6.2, 1.0)), 1 + int(rng.lognormvariate(5.2, 0.8))
        first_s = (0.35 + 4e-5 * inputs) * rng.lognormvariate(0.0, self.first_sigma) * slow
        token_s = 0.012 * rng.lognormvariate(0.0, 0.25) * slow
        gap_s = 0.12 * rng.lognormvariate(0.0, 0.5) * slow
        hangs = rng.random() < self.hang_ratio(minute)
        if hangs and rng.random() < 0.5:
            first_s = _HANG
        elif hangs:
            gap_s = _HANG
        return Answer(
            input_tokens=inputs,
            output_tokens=outputs,
            first_s=first_s,
            gap_s=gap_s,
            total_s=first_s + gap_s + outputs * token_s,
            connect_s=0.03 * rng.lognormvariate(0.0, 0.4) if rng.random() < 0.2 else None,
            failed=rng.random() < self.failure_ratio(minute),
            pushed_back=rng.random() < self.pushback_ratio(minute),
        )


@dataclass(slots=True)
class Cut:
    """Timeouts: those of answers that would have come, and the waits of those that would not."""

    requests: int = 0
    false: int = 0
    stalls: int = 0
    waited_s: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Arena:
    """One channel, one tuner. `tunes` False: the same requests under the configured limits."""

    world: World
    seed: int = 0
    rails: Rails = field(default_factory=Rails)
    policy: CallPolicy = field(default_factory=CallPolicy)
    tunes: bool = True
    outlook: Callable[[float], Outlook] = lambda _minute: Outlook()
    jump_s: Mapping[int, float] = field(default_factory=dict)
    """Minute → how far the wall clock jumps then."""
    act: Callable[[float], bool] = lambda _minute: True
    tuner: Tuner = field(init=False)
    limits: Mapping[ChannelId, ChannelLimits] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    cut: Cut = field(default_factory=Cut)
    minute: int = 0
    last: Round | None = None
    _shift_s: float = 0.0

    def __post_init__(self) -> None:
        self.tuner = Tuner(self.rails)

    @property
    def at(self) -> float:
        return START_AT + self._shift_s + self.minute * _MINUTE_S

    def run(self, minutes: int) -> "Arena":
        for _ in range(minutes):
            self.step()
        return self

    def step(self) -> Round | None:
        """A minute of requests, and a round of the tuner at its end."""
        rng = Random(f"{self.seed}/{self.minute}")
        start_at, attempts = self.at, []
        for number in range(self.world.per_minute):
            answer = self.world.answer(rng, self.minute)
            at = start_at + rng.random() * _MINUTE_S
            attempts.append(self._attempt(f"{self.seed}-{self.minute}-{number}", answer, at))
        self.minute += 1
        self._shift_s += self.jump_s.get(self.minute, 0.0)
        if not self.tunes:
            return None
        self.tuner.observe(attempts)
        acts = self.act(self.minute)
        self.last = self.tuner.round(
            Look(
                at=self.at,
                act=acts,
                held="" if acts else "it only observes",
                policies={CHANNEL: self.policy},
                outlooks={CHANNEL: self.outlook(self.minute)},
            )
        )
        self.limits = self.last.limits
        self.changes += self.last.changes
        return self.last

    def policy_for(self, request_id: str) -> CallPolicy:
        limits = self.limits.get(CHANNEL)
        if limits is None:
            return self.policy
        lot = lot_of(request_id)
        tries = limits.canary is not None and lot.canary < limits.canary.ratio
        return policy_of(self.policy, limits, tries=tries, loose=lot.leash < limits.leash_ratio)

    def _attempt(self, name: str, answer: Answer, at: float) -> Attempt:
        policy = self.policy_for(name)
        limits = policy.timeouts.for_work(answer.input_tokens, None)
        if policy.leash:
            limits = limits.times(2.0)
        first_s: float | None = answer.first_s
        gap_s: float | None = answer.gap_s
        outcome, phase, took_s = Outcome.SUCCESS, Phase.DONE, answer.total_s
        kind: FailureClass | None = None
        if answer.pushed_back:
            outcome, kind, took_s = Outcome.THROTTLED, FailureClass.RATE_LIMITED, 0.1
            first_s = gap_s = None
        elif answer.failed:
            outcome, kind, took_s = Outcome.FAILURE, FailureClass.SERVER_ERROR, 0.2
            first_s = gap_s = None
        elif answer.first_s > limits.first_chunk_s:
            outcome, phase, took_s = Outcome.TIMEOUT, Phase.HEADERS, limits.first_chunk_s
            first_s = gap_s = None
        elif answer.gap_s > limits.stall_s:
            outcome, phase = Outcome.TIMEOUT, Phase.STREAM
            took_s, gap_s = answer.first_s + limits.stall_s, limits.stall_s
        elif answer.total_s > limits.total_s:
            outcome, phase, took_s = Outcome.TIMEOUT, Phase.STREAM, limits.total_s
        if outcome is Outcome.TIMEOUT:
            kind = FailureClass.TIMEOUT_READ
        self._count(answer, outcome, took_s - (0.0 if phase is Phase.HEADERS else answer.first_s))
        return Attempt(
            request_id=RequestId(name),
            number=1,
            route=RouteName("chat"),
            channel=CHANNEL,
            started_at=at,
            duration_s=took_s,
            outcome=outcome,
            reason=PickReason.CONFIGURED,
            plan_version=1,
            stream=True,
            time_to_first_chunk_s=first_s,
            failure_class=kind,
            phase=phase,
            usage=Usage(answer.input_tokens, output_tokens=answer.output_tokens)
            if outcome is Outcome.SUCCESS
            else Usage(),
            asked=Asked(input_tokens=answer.input_tokens),
            connect_s=answer.connect_s,
            gap_max_s=gap_s,
            canary=policy.canary,
            leash=policy.leash,
        )

    def _count(self, answer: Answer, outcome: Outcome, waited_s: float) -> None:
        self.cut.requests += 1
        if outcome is Outcome.TIMEOUT:
            if math.isinf(answer.total_s):
                self.cut.stalls += 1
                self.cut.waited_s.append(waited_s)
            else:
                self.cut.false += 1

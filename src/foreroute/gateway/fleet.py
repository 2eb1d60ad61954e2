"""The channels as the gateway sees them now: breaker, load, throttling, slowdown and trust of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from foreroute.core.attempt import Outcome
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import BreakerPolicy, Route, Target
from foreroute.core.work import Expectation, Work
from foreroute.gateway.admission import Admission
from foreroute.gateway.breaker import Breaker, BreakerState, Permit, Verdict
from foreroute.gateway.outlier import is_broken_off, is_outlier
from foreroute.gateway.pace import Pace
from foreroute.gateway.select import Standing
from foreroute.gateway.slowdown import Slowdown, work_of
from foreroute.gateway.trial import Trial
from foreroute.gateway.trust import Trust
from foreroute.gateway.wire.paths import Endpoint

_THROTTLE_S_MAX: Final = 300.0
"""A channel that asks for a longer pause is asked again after this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStanding:
    """One channel for `/metrics` and for people."""

    breaker: BreakerState
    breaker_opened_total: int
    consecutive_failures: int
    in_flight: int
    open_for_s: float
    throttled_for_s: float
    slowdown: float
    trust: float


@dataclass(frozen=True, slots=True)
class Asked:
    """How a channel was asked last, and for which route."""

    endpoint: Endpoint
    route: RouteName
    stream: bool


@dataclass(slots=True)
class _State:
    breaker: Breaker = field(default_factory=Breaker)
    slowdown: Slowdown = field(default_factory=Slowdown)
    trust: Trust = field(default_factory=Trust)
    admission: Admission = field(default_factory=Admission)
    in_flight: int = 0
    throttled_until: float = float("-inf")
    must_sound: bool = False
    """It has asked for a pause, and nobody has been served since: one at a time finds out."""
    sounding: Permit | None = None
    """That one."""
    pace: Pace = field(default_factory=Pace)
    seconds_per_token: float = float("inf")
    asked: Asked | None = None


class Fleet:
    """Lives on the gateway's event loop. Instants are the loop's own seconds.

    `on_open` hears of every channel whose breaker has opened, with the policy that opened it. While it returns
    True, the channel is left to probes and takes no request until `probed` says how one went.
    """

    def __init__(self, channels: Mapping[ChannelId, Channel]) -> None:
        self.channels = channels
        self.on_open: Callable[[Target, float], bool] = lambda _target, _wait_s: False
        self._states = {channel: _State() for channel in channels}
        self._left_to_probes: set[ChannelId] = set()
        self._retired: set[ChannelId] = set()

    def adopt(self, channels: Mapping[ChannelId, Channel]) -> None:
        """The channels of a new configuration. New and changed ones start on probation; requests that are still with
        one that is gone find it as it was.
        """
        for name, channel in channels.items():
            if self.channels.get(name) != channel or name in self._retired:
                fresh = _State()
                if (before := self._states.get(name)) is not None:
                    fresh.breaker = Breaker(before.breaker.generation + 1)
                    fresh.in_flight = before.in_flight  # they will leave as they have entered
                fresh.trust.lose()
                self._states[name] = fresh
        self._retired = set(self.channels) - set(channels)
        self.channels = {**self.channels, **channels}

    def in_flight(self, channel: ChannelId) -> int:
        return self._states[channel].in_flight if channel in self._states else 0

    def slowdown(self, channel: ChannelId, at: float) -> float:
        state = self._states.get(channel)
        return 1.0 if state is None else state.slowdown.ratio(at)

    def trust(self, channel: ChannelId, at: float) -> float:
        state = self._states.get(channel)
        return 1.0 if state is None else state.trust.share(at)

    def delay_s(
        self,
        channel: ChannelId,
        work: Work,
        output_tokens_max: int | None,
        expectation: Expectation | None,
        at: float,
    ) -> float:
        """What this work is expected to take here; infinity while unknown.

        By the expectation, if there is one: slowed down as it expects, or as much as is seen now. Else by the channel's
        own norm per unit of work.
        """
        slowdown = self._states[channel].slowdown
        now = slowdown.ratio(at)
        if expectation is not None:
            tokens = expectation.model.output_tokens(work, output_tokens_max)
            expected_s = replace(expectation, slowdown=max(expectation.slowdown, now)).delay_s(
                work if tokens is None else replace(work, output_tokens=round(tokens))
            )
            if expected_s is not None:
                return expected_s
        outputs = 0 if work.stream else output_tokens_max or 0
        return slowdown.usual_s * now * work_of(work.input_tokens, outputs)

    def seconds_per_token(self, channel: ChannelId) -> float:
        return self._states[channel].seconds_per_token

    def standing(self, target: Target, at: float, luck: float = 1.0) -> Standing:
        """`luck`: a uniform number of the request's own, below which the channel's admission turns it away."""
        state = self._states.get(target.channel)
        if state is None or target.channel in self._retired:
            return Standing.ABSENT
        if target.channel in self._left_to_probes or not state.breaker.admits(target.policy.breaker, at):
            return Standing.OPEN
        if state.throttled_until > at or state.pace.wait_s(at) > 0.0:
            return Standing.THROTTLED
        factor = target.policy.admission
        if factor is not None and luck < state.admission.refusal_ratio(factor, target.policy.patience_s, at):
            return Standing.THROTTLED
        # Spelt out: this is asked of every channel of a route for every attempt.
        own, planned = self.channels[target.channel].concurrency_max, target.policy.concurrency_max
        is_full = (
            (state.must_sound and state.sounding is not None)
            or (own is not None and state.in_flight >= own)
            or (planned is not None and state.in_flight >= planned)
        )
        return Standing.FULL if is_full else Standing.FREE

    def note_asked(self, channel: ChannelId, asked: Asked) -> None:
        self._states[channel].asked = asked

    def asked(self, channel: ChannelId) -> Asked | None:
        return self._states[channel].asked

    def enter(self, target: Target, at: float) -> Permit:
        state = self._states[target.channel]
        state.in_flight += 1
        state.pace.take(at)
        state.admission.sent(at)
        permit = state.breaker.enter(at)
        if state.must_sound and state.sounding is None:
            state.sounding = permit
        return permit

    def reached(self, channel: ChannelId) -> bool:
        """The channel answers. Whether it takes everybody again, after a pause that it had asked for."""
        state = self._states[channel]
        was_sounded, state.must_sound, state.sounding = state.must_sound, False, None
        return was_sounded

    def leave(self, trial: Trial, permit: Permit, *, stream: bool, at: float) -> None:
        target, verdict = trial.target, trial.verdict()
        state = self._states[target.channel]
        state.in_flight -= 1
        if state.sounding is permit:
            state.sounding = None
        state.admission.ended(trial.started_at, accepted=not _is_pushback(trial))
        if verdict is Verdict.SUCCESS:
            state.pace.served(at)
            usage, delay_s = trial.usage, trial.delay_s(stream, at)
            inputs = usage.input_tokens + usage.cached_input_tokens
            state.slowdown.observe(delay_s, work_of(inputs, 0 if stream else usage.output_tokens), at)
            if usage.output_tokens > 1:
                state.seconds_per_token = trial.age_s(at) / usage.output_tokens
            state.trust.earn(at)
        was = state.breaker.opened_total
        state.breaker.leave(permit, verdict, target.policy.breaker, at)
        if verdict is Verdict.FAILURE and self._is_outlier(target, trial.peers, at):
            state.breaker.open(target.policy.breaker, at)
        if state.breaker.opened_total > was:
            state.trust.lose()
            if self.on_open(target, state.breaker.open_for_s(at)):
                self._left_to_probes.add(target.channel)

    def is_retired(self, channel: ChannelId) -> bool:
        """Whether the configuration has none of this name any more."""
        return channel in self._retired

    def probed(self, channel: ChannelId, policy: BreakerPolicy, at: float, *, well: bool) -> float:
        """What a probe of a channel whose breaker is open has found; returns how long to wait for the next one."""
        breaker = self._states[channel].breaker
        if well:
            breaker.close(at)
            self._states[channel].trust.begin(at)
            self._left_to_probes.discard(channel)
        elif not breaker.open_for_s(at):
            breaker.reopen(policy, at)
        return breaker.open_for_s(at)

    def give_up_probing(self, channel: ChannelId) -> None:
        """Requests shall find out instead."""
        self._left_to_probes.discard(channel)

    def throttle(self, channel: ChannelId, for_s: float, at: float) -> None:
        state = self._states[channel]
        state.throttled_until = max(state.throttled_until, at + min(for_s, _THROTTLE_S_MAX))
        state.must_sound = True

    def slow_down(self, channel: ChannelId, at: float) -> None:
        """The channel has refused for its rate and has not said when to come back."""
        self._states[channel].pace.refused(at)

    def wait_s(self, route: Route, at: float) -> float | None:
        """Seconds until the first channel of the route may be asked; None if one may be asked now."""
        return min((self._away_s(channel, at) for channel in self._weighted(route)), default=0.0) or None

    def turn_s(self, channels: Sequence[ChannelId], patience_s: float, at: float) -> float | None:
        """How long to wait for a place on one of the channels; None if none is likely within the patience.

        A full channel has a place as soon as one of its attempts ends, which nobody knows ahead.
        """
        known = (channel for channel in channels if channel in self._states)
        away = [self._away_s(channel, at) for channel in known if channel not in self._left_to_probes]
        return min((away_s or patience_s for away_s in away if away_s < patience_s), default=None)

    def snapshot(self, at: float) -> Mapping[ChannelId, ChannelStanding]:
        states = ((name, state) for name, state in self._states.items() if name not in self._retired)
        return {channel: self._view(state, at) for channel, state in states}

    def _weighted(self, route: Route) -> list[ChannelId]:
        return [t.channel for t in route.targets if t.weight > 0 and t.channel in self._states]

    def _away_s(self, channel: ChannelId, at: float) -> float:
        state = self._states[channel]
        return max(state.breaker.open_for_s(at), state.throttled_until - at, state.pace.wait_s(at))

    def _is_outlier(self, target: Target, peers: Sequence[Target], at: float) -> bool:
        policy = target.policy.breaker
        others = [p.channel for p in peers if p.channel != target.channel and p.channel in self._states]
        out = sum(self._states[other].breaker.state(at) is not BreakerState.CLOSED for other in others)
        if not others or (out + 1) / (len(others) + 1) > policy.ejected_ratio_max:
            return False
        windows = [self._states[other].breaker.window(policy, at) for other in others]
        usual = sum(attempts for attempts, _ in windows), sum(failures for _, failures in windows)
        breaker = self._states[target.channel].breaker
        own = breaker.window(policy, at)
        return is_broken_off(own, breaker.consecutive_failures, usual) or is_outlier(
            own, usual, policy.outlier_ratio_min
        )

    def _view(self, state: _State, at: float) -> ChannelStanding:
        breaker = state.breaker
        return ChannelStanding(
            breaker=breaker.state(at),
            breaker_opened_total=breaker.opened_total,
            consecutive_failures=breaker.consecutive_failures,
            in_flight=state.in_flight,
            open_for_s=breaker.open_for_s(at),
            throttled_for_s=max(state.throttled_until - at, state.pace.wait_s(at)),
            slowdown=state.slowdown.ratio(at),
            trust=state.trust.share(at),
        )


def _is_pushback(trial: Trial) -> bool:
    """Whether the channel said that it is too much for it."""
    return trial.outcome is Outcome.THROTTLED or trial.failure_class is FailureClass.OVERLOADED

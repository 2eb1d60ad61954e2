"""The life of a trial: what it is compared with, how it ends, and what follows from that."""

from collections.abc import Iterable
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.limits import TIMED, Parameter
from foreroute.heal.tuning.canary import Verdict, judge
from foreroute.heal.tuning.channel_state import ChannelState, Hold, Trial
from foreroute.heal.tuning.load import parameter_off
from foreroute.heal.tuning.rails import Rails
from foreroute.heal.tuning.traffic import Traffic
from foreroute.heal.tuning.values import Change, Event, Grade, Graded

_HELD_S_MAX: Final = 86_400.0


def ended(
    channel: ChannelId, state: ChannelState, at: float, rails: Rails, *, broken: str = ""
) -> list[Change]:
    """What the running trial comes to, if it is over."""
    trial = state.trial
    if trial is None:
        return []
    if broken:
        return [rolled_back(channel, state, trial, at, broken, hold=None)]
    verdict, said = judge(trial.arm, trial.control, at - trial.started_at, rails)
    match verdict:
        case Verdict.OPEN:
            return []
        case Verdict.WORSE:
            return [rolled_back(channel, state, trial, at, said, hold=rails)]
        case Verdict.NO_WORSE:
            return [_promoted(channel, state, trial, at, said)]


def rolled_back(
    channel: ChannelId, state: ChannelState, trial: Trial, at: float, said: str, *, hold: Rails | None = None
) -> Change:
    """As before; with `hold`, the parameter is left alone for a while."""
    state.trial = None
    if not trial.split:
        if trial.was_tuned and not parameter_off(trial.parameter, trial.old):
            state.settings[trial.parameter] = trial.old
        else:
            state.settings.pop(trial.parameter, None)
    if hold is not None:
        _hold(state, trial.parameter, at, hold)
    return _change(channel, trial, at, Event.ROLLED_BACK, said)


def graded(change: Change) -> Graded:
    """What a trial that is over was worth."""
    if change.event is Event.PROMOTED:
        grade = Grade.HELPED if change.parameter in TIMED else Grade.NO_DIFFERENCE
    else:
        grade = Grade.UNKNOWN if "too few" in change.canary or "clock" in change.canary else Grade.HURT
    back = change.event is Event.ROLLED_BACK
    return Graded(
        channel=change.channel,
        parameter=change.parameter,
        started_at=change.at,
        at=change.at,
        executed=True,
        grade=grade,
        old=change.new if back else change.old,
        new=change.old if back else change.new,
        reason=change.reason,
        detail=change.canary,
    )


def hold(state: ChannelState, parameter: Parameter, at: float, rails: Rails) -> None:
    """Left alone for a while, without a rollback that would count."""
    before = state.holds.get(parameter)
    state.holds[parameter] = Hold(at + rails.held_s, before.rollbacks if before is not None else 0)


def correct(state: ChannelState, at: float) -> None:
    """After the clock jumped: nothing lies in the future, and nothing that was waited for seems to be over."""
    state.streaks.clear()
    if state.changed_at is not None:
        state.changed_at = at
    state.loosened_at = {name: min(since, at) for name, since in state.loosened_at.items()}
    for one in state.holds.values():
        one.until_at = min(max(one.until_at, at), at + _HELD_S_MAX)
    state.traffic.said_at = min(state.traffic.said_at, at)


def remember_before(trial: Trial, before: Iterable[Traffic], at: float, rails: Rails) -> None:
    """What a trial of everybody is compared with: the time before, as long as it will last at least."""
    for traffic in before:
        row = traffic.over(rails.canary_s_min, at)
        trial.control.judged += row.judged + row.throttled
        trial.control.bad += row.failed + row.throttled


def described(trial: Trial, at: float, rails: Rails) -> str:
    """In words: what is tried, and how it stands."""
    _, said = judge(trial.arm, trial.control, min(at - trial.started_at, rails.canary_s_max), rails)
    whom = f"{rails.canary_ratio:.0%} of requests" if trial.split else "all requests, watched"
    return f"{trial.new.at():.4g} for {whom} since {at - trial.started_at:.0f} s: {said}"


def _promoted(channel: ChannelId, state: ChannelState, trial: Trial, at: float, said: str) -> Change:
    state.trial = None
    state.holds.pop(trial.parameter, None)
    if parameter_off(trial.parameter, trial.new):
        state.settings.pop(trial.parameter, None)
    else:
        state.settings[trial.parameter] = trial.new
    state.changed_at = at
    return _change(channel, trial, at, Event.PROMOTED, said)


def _hold(state: ChannelState, parameter: Parameter, at: float, rails: Rails) -> None:
    before = state.holds.get(parameter)
    count = 1 if before is None else before.rollbacks + 1
    state.holds[parameter] = Hold(at + min(rails.held_s * 2.0 ** (count - 1), _HELD_S_MAX), count)


def _change(channel: ChannelId, trial: Trial, at: float, event: Event, said: str) -> Change:
    back = event is Event.ROLLED_BACK
    return Change(
        at=at,
        channel=channel,
        parameter=trial.parameter,
        event=event,
        old=trial.new if back else trial.old,
        new=trial.old if back else trial.new,
        reason=trial.reason,
        evidence=trial.evidence,
        canary=said,
        actor=trial.actor,
    )

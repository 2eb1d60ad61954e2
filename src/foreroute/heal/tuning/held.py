"""All that keeps a step from being made now, in words for a person."""

from dataclasses import dataclass

from foreroute.core.limits import TIMED, Parameter
from foreroute.heal.tuning.channel_state import ChannelState
from foreroute.heal.tuning.rails import Rails
from foreroute.heal.tuning.values import Look, Outlook, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One parameter of one channel in one round."""

    parameter: Parameter
    aim: Wanted
    look: Look
    outlook: Outlook
    rails: Rails
    frozen_until: float
    moving: bool
    """There is a step to make."""
    tightens: bool


def held(state: ChannelState, case: Case) -> list[str]:
    """The reasons; none: the step may begin. Notes on the way for how many rounds it has been wanted."""
    parameter, at = case.parameter, case.look.at
    frozen = at < case.frozen_until
    if not case.moving:
        state.approved.discard(parameter)
    if not case.moving or frozen:
        state.streaks.pop(parameter, None)
        return [f"frozen for {case.frozen_until - at:.0f} s: the clock jumped"] if frozen else []
    return [*_without_right(state, case), *_troubled(state, case), *_too_soon(state, case)]


def _without_right(state: ChannelState, case: Case) -> list[str]:
    look, found = case.look, []
    if not look.act and (look.killed or case.parameter not in state.approved):
        found.append(look.held or "it may not act")
    hold = state.holds.get(case.parameter)
    if hold is not None and look.at < hold.until_at:
        found.append(f"left alone for {(hold.until_at - look.at) / 60:.0f} min more")
    return found


def _troubled(state: ChannelState, case: Case) -> list[str]:
    """What is urgent goes on in spite of an incident and of a trial; nothing is tightened on weak evidence."""
    rails, outlook, found = case.rails, case.outlook, []
    if not case.aim.urgent:
        if state.trial is not None:
            found.append(f"{state.trial.parameter} is on trial")
        if outlook.incident:
            found.append("an incident is open")
    if case.tightens and case.parameter in TIMED:
        since_s = case.look.at - state.loosened_at.get(case.parameter, float("-inf"))
        if since_s < rails.settle_s:
            found.append(f"made longer {since_s / 60:.0f} min ago")
        if state.memory.total < rails.young_samples_min:
            found.append(f"young: {state.memory.total} of {rails.young_samples_min} attempts")
        if outlook.skill is not None and outlook.skill < rails.skill_min:
            found.append(f"the forecast's skill is {outlook.skill:.2f}, under {rails.skill_min:g}")
    return found


def _too_soon(state: ChannelState, case: Case) -> list[str]:
    rails, at, urgent, found = case.rails, case.look.at, case.aim.urgent, []
    way, rounds = state.streaks.get(case.parameter, (case.tightens, 0))
    rounds = rounds + 1 if way is case.tightens else 1
    state.streaks[case.parameter] = case.tightens, rounds
    if not urgent and rounds < rails.tighten_rounds:
        found.append(f"wanted for {rounds} of {rails.tighten_rounds} rounds")
    every_s = rails.loosen_every_s if urgent else rails.tighten_every_s
    if state.changed_at is not None and at - state.changed_at < every_s:
        found.append(f"{every_s - (at - state.changed_at):.0f} s after the last step")
    return found

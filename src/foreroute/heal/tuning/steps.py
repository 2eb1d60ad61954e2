"""From what is wanted of a channel to the one step that is made, and its beginning."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from foreroute.core.ids import ChannelId
from foreroute.core.limits import EVERYWHERE, TIMED, Parameter, Setting
from foreroute.core.routes import CallPolicy
from foreroute.heal.tuning import trials, wants
from foreroute.heal.tuning.channel_state import ChannelState, Trial
from foreroute.heal.tuning.held import Case, held
from foreroute.heal.tuning.load import parameter_off
from foreroute.heal.tuning.rails import SPLIT, Rails, is_tighter, stepped
from foreroute.heal.tuning.values import Change, Event, Look, View, Wanted

NO_POLICY = CallPolicy()


@dataclass(frozen=True, slots=True)
class Move:
    """A step that nothing holds back."""

    view: View
    wanted: Wanted
    new: Setting

    @property
    def size(self) -> float:
        """How far it goes, as a part of where it is."""
        was = self.view.current.at()
        return abs(self.new.at() - was) / max(was, 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """One round's view of all channels."""

    states: Mapping[ChannelId, ChannelState]
    look: Look
    rails: Rails
    frozen_until: float
    want: wants.Want = wants.wanted

    def views(self, name: ChannelId) -> tuple[list[View], list[Move]]:
        """Every parameter of a channel, and the steps that may be made."""
        views, moves = [], []
        for parameter in wants.parameters_of(name):
            if parameter not in self.rails.parameters:
                continue
            view, aim, bound = self._view(name, parameter)
            views.append(view)
            if view.proposal is not None and not bound:
                moves.append(Move(view, aim, view.proposal))
        return views, moves

    def begin(self, name: ChannelId, moves: Iterable[Move]) -> list[Change]:
        """One step: the urgent before the others, the largest first."""
        state, at = self.states[name], self.look.at
        move = max(moves, key=lambda one: (one.wanted.urgent, one.size))
        view, changes = move.view, list[Change]()
        parameter = view.parameter
        if state.trial is not None:
            changes.append(trials.rolled_back(name, state, state.trial, at, f"{parameter} could not wait"))
        by_hand = parameter in state.approved
        if by_hand:
            state.by_hand.add(parameter)
            state.approved.discard(parameter)
        state.changed_at = at
        state.bases.setdefault(parameter, view.configured)
        state.streaks.pop(parameter, None)
        change = Change(
            at=at,
            channel=name,
            parameter=parameter,
            event=Event.APPLIED,
            old=view.current,
            new=move.new,
            reason=move.wanted.reason,
            evidence=move.wanted.evidence,
            actor="operator" if by_hand else "tuner",
        )
        if not move.wanted.urgent:
            self._try(name, state, change)
            return [*changes, replace(change, event=Event.CANARY)]
        if parameter in TIMED:
            state.loosened_at[parameter] = at
        if parameter_off(parameter, move.new):
            state.settings.pop(parameter, None)
        else:
            state.settings[parameter] = move.new
        return [*changes, change]

    def _view(self, name: ChannelId, parameter: Parameter) -> tuple[View, Wanted, list[str]]:
        state, look = self.states[name], self.look
        base = wants.configured(parameter, look.policies.get(name, NO_POLICY), look.retry_ratio)
        current = state.settings.get(parameter, base)
        aim = self.want(name, parameter, current, self.states, look, self.rails)
        start = wants.start_of(parameter, current, state, look.at)
        step = None if aim.setting is None else stepped(parameter, start, aim.setting, self.rails)
        new = None if step is None else step.setting
        if aim.urgent and parameter in TIMED and new is not None and is_tighter(new, current):
            aim = replace(aim, urgent=False)  # a shorter timeout spares no user anything: it is tried first
        case = Case(
            parameter=parameter,
            aim=aim,
            look=look,
            outlook=look.outlooks.get(name, wants.NO_OUTLOOK),
            rails=self.rails,
            frozen_until=self.frozen_until,
            moving=new is not None,
            tightens=new is not None and is_tighter(new, current),
        )
        bound = held(state, case)
        trial = state.trial if state.trial is not None and state.trial.parameter is parameter else None
        view = View(
            channel=name,
            parameter=parameter,
            configured=base,
            current=current,
            tuned=parameter in state.settings,
            proposal=new,
            wanted=aim.setting,
            reason=aim.reason,
            evidence=aim.evidence,
            rails=(*(step.rails if step is not None else ()), *bound),
            approvable=new is not None and not look.act and not look.killed,
            trial="" if trial is None else trials.described(trial, look.at, self.rails),
        )
        return view, aim, bound

    def _try(self, name: ChannelId, state: ChannelState, change: Change) -> None:
        trial = Trial(
            name=f"{change.at:.0f}/{change.parameter}",
            parameter=change.parameter,
            old=change.old,
            new=change.new,
            started_at=change.at,
            split=change.parameter in SPLIT,
            reason=change.reason,
            evidence=change.evidence,
            was_tuned=change.parameter in state.settings,
            actor=change.actor,
        )
        state.trial = trial
        if not trial.split:
            everyone = [one.traffic for one in self.states.values()]
            before = everyone if name == EVERYWHERE else [state.traffic]
            trials.remember_before(trial, before, change.at, self.rails)
            state.settings[trial.parameter] = trial.new

"""The tuner: from attempts to limits, one bounded and tested step at a time.

It sees attempts and a `Look` each round; what it wants, what holds it back and what it has done are its `Round`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from foreroute.core.attempt import Attempt
from foreroute.core.errors import StoreCorrupt
from foreroute.core.ids import ChannelId
from foreroute.core.limits import EVERYWHERE, Canary, ChannelLimits, Parameter, Setting
from foreroute.core.routes import CallPolicy
from foreroute.heal.tuning import trials, wants
from foreroute.heal.tuning.channel_state import ChannelState, Trial
from foreroute.heal.tuning.load import parameter_off
from foreroute.heal.tuning.memory import HOUR_S
from foreroute.heal.tuning.rails import SPLIT, Rails, is_tighter, stepped
from foreroute.heal.tuning.returning import step_back
from foreroute.heal.tuning.samples import TIMED
from foreroute.heal.tuning.values import Change, Event, Look, Round, View, Wanted

_VERSION: Final = 1
_NO_POLICY: Final = CallPolicy()


@dataclass(frozen=True, slots=True)
class _Move:
    """A step that nothing holds back."""

    view: View
    wanted: Wanted
    new: Setting
    tightens: bool


class Tuner:
    """Bounded in memory. `observe` and `round` belong to one thread."""

    def __init__(self, rails: Rails | None = None) -> None:
        self.rails = rails or Rails()
        self._states: dict[ChannelId, ChannelState] = {}
        self._last_at: float | None = None
        self._frozen_until = float("-inf")

    def observe(self, attempts: Iterable[Attempt]) -> None:
        """Takes in what has ended, in any order."""
        everywhere = self._state(EVERYWHERE)
        for attempt in attempts:
            self._state(attempt.channel).observe(attempt)
            everywhere.witness(attempt, None)

    def round(self, look: Look) -> Round:
        """One look at everything. Rounds that do not follow each other in time freeze what is in force."""
        at = look.at
        jumped = self._note_clock(at)
        names = [*look.policies, EVERYWHERE]
        self._states = {name: self._state(name) for name in names}
        changes: list[Change] = []
        views: list[View] = []
        for name in names:
            state = self._states[name]
            state.refresh(at)
            changes += trials.ended(name, state, at, self.rails, broken="the clock jumped" if jumped else "")
            changes += self._give_back(name, state, look)
            mine, moves = self._views(name, state, look)
            views += mine
            if moves:
                changes += self._begin(name, state, moves, at)
        return Round(limits=self.limits(at), changes=tuple(changes), views=tuple(views))

    def limits(self, at: float) -> dict[ChannelId, ChannelLimits]:
        """What is in force, of the channels of which something is."""
        found = {name: self._limits_of(state, at) for name, state in self._states.items()}
        return {name: one for name, one in found.items() if one is not None}

    def approve(self, channel: ChannelId, parameter: Parameter) -> None:
        """The next step of it begins though the stage does not let it, and what it comes to stays."""
        self._state(channel).approved.add(parameter)

    def reset(
        self, channel: ChannelId, parameter: Parameter, configured: Setting, at: float, actor: str
    ) -> Change | None:
        """As configured, at once, and left alone for a while. None: nothing was tuned."""
        state = self._states.get(channel)
        if state is None:
            return None
        trial = state.trial if state.trial is not None and state.trial.parameter is parameter else None
        current = state.settings.get(parameter)
        if trial is None and current is None:
            return None
        change = Change(
            at=at,
            channel=channel,
            parameter=parameter,
            event=Event.RESET,
            old=trial.new if trial is not None else current or configured,
            new=configured,
            reason="an operator wants it as configured",
            actor=actor,
        )
        if trial is not None:
            state.trial = None
        state.settings.pop(parameter, None)
        state.by_hand.discard(parameter)
        state.approved.discard(parameter)
        trials.hold(state, parameter, at, self.rails)
        return change

    def dump(self) -> bytes:
        states = {name: state.dump() for name, state in self._states.items()}
        body = {"version": _VERSION, "at": self._last_at, "channels": states}
        return orjson.dumps(body)

    def load(self, state: bytes) -> None:
        """Goes on from what `dump` gave. Raises StoreCorrupt and changes nothing if it cannot."""
        try:
            body = orjson.loads(state)
            found = _states_of(body)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise StoreCorrupt(f"what was tuned cannot be read: {error!r}") from None
        self._states = found

    # One round ---------------------------------------------------------------------------------------------------

    def _state(self, name: ChannelId) -> ChannelState:
        return self._states.setdefault(name, ChannelState())

    def _note_clock(self, at: float) -> bool:
        """Whether it has jumped since the last round. Instants that are now in the future become now."""
        last, self._last_at = self._last_at, at
        jumped = last is not None and not 0.0 <= at - last <= self.rails.jump_s
        self._frozen_until = min(self._frozen_until, at + self.rails.freeze_s)
        if jumped:
            self._frozen_until = at + self.rails.freeze_s
            for state in self._states.values():
                trials.correct(state, at)
        return jumped

    def _give_back(self, name: ChannelId, state: ChannelState, look: Look) -> list[Change]:
        """Without the right to act, a trial ends, and what is in force returns a step a round, but for what an
        operator has approved.
        """
        if look.act:
            return []
        found = []
        trial = state.trial
        if trial is not None and (look.killed or trial.parameter not in state.by_hand):
            found.append(trials.rolled_back(name, state, trial, look.at, look.held or "it may not act"))
        for parameter in [one for one in state.settings if one not in state.by_hand][:1]:
            policy = look.policies.get(name, _NO_POLICY)
            goal = wants.configured(parameter, policy, look.retry_ratio)
            found.append(step_back(name, state, parameter, goal, look, self.rails))
        return found

    def _views(self, name: ChannelId, state: ChannelState, look: Look) -> tuple[list[View], list[_Move]]:
        views, moves = [], []
        policy = look.policies.get(name, _NO_POLICY)
        for parameter in wants.parameters_of(name):
            base = wants.configured(parameter, policy, look.retry_ratio)
            current = state.settings.get(parameter, base)
            aim = wants.wanted(name, parameter, current, self._states, look, self.rails)
            start = wants.start_of(parameter, current, state, look.at)
            step = None if aim.setting is None else stepped(parameter, start, aim.setting, self.rails)
            new = None if step is None else step.setting
            tightens = new is not None and is_tighter(new, current)
            held = self._held(name, state, parameter, aim, look, moving=new is not None, tightens=tightens)
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
                rails=(*(step.rails if step is not None else ()), *held),
                approvable=new is not None and not look.act and not look.killed,
                trial="" if trial is None else trials.described(trial, look.at, self.rails),
            )
            views.append(view)
            if new is not None and not held:
                moves.append(_Move(view, aim, new, tightens))
        return views, moves

    def _held(
        self,
        name: ChannelId,
        state: ChannelState,
        parameter: Parameter,
        aim: Wanted,
        look: Look,
        *,
        moving: bool,
        tightens: bool,
    ) -> list[str]:
        """All that keeps a step from being made now; the streak of what is wanted is noted on the way."""
        rails, at = self.rails, look.at
        outlook = look.outlooks.get(name, wants.NO_OUTLOOK)
        if not moving:
            state.approved.discard(parameter)
        if not moving or at < self._frozen_until:
            state.streaks.pop(parameter, None)
            return [f"frozen for {self._frozen_until - at:.0f} s: the clock jumped"] if moving else []
        way, rounds = state.streaks.get(parameter, (tightens, 0))
        rounds = rounds + 1 if way is tightens else 1
        state.streaks[parameter] = tightens, rounds
        found = []
        if not look.act and (look.killed or parameter not in state.approved):
            found.append(look.held or "it may not act")
        hold = state.holds.get(parameter)
        if hold is not None and at < hold.until_at:
            found.append(f"left alone for {(hold.until_at - at) / 60:.0f} min more")
        if state.trial is not None and not aim.urgent:
            found.append(f"{state.trial.parameter} is on trial")
        if outlook.incident and not aim.urgent:
            found.append("an incident is open")
        if tightens and parameter in TIMED:
            if state.memory.total < rails.young_samples_min:
                found.append(f"young: {state.memory.total} of {rails.young_samples_min} attempts")
            if outlook.skill is not None and outlook.skill < rails.skill_min:
                found.append(f"the forecast's skill is {outlook.skill:.2f}, under {rails.skill_min:g}")
        if not aim.urgent and rounds < rails.tighten_rounds:
            found.append(f"wanted for {rounds} of {rails.tighten_rounds} rounds")
        every_s = rails.loosen_every_s if aim.urgent else rails.tighten_every_s
        if state.changed_at is not None and at - state.changed_at < every_s:
            found.append(f"{every_s - (at - state.changed_at):.0f} s after the last step")
        return found

    def _begin(self, name: ChannelId, state: ChannelState, moves: list[_Move], at: float) -> list[Change]:
        """One step: the urgent before the others, the largest first."""
        move = max(moves, key=lambda one: (one.wanted.urgent, _size(one)))
        view, changes = move.view, []
        parameter = view.parameter
        if state.trial is not None:
            changes.append(
                trials.rolled_back(name, state, state.trial, at, f"{parameter} could not wait", hold=None)
            )
        actor = "operator" if parameter in state.approved else "tuner"
        if parameter in state.approved:
            state.by_hand.add(parameter)
            state.approved.discard(parameter)
        state.changed_at = at
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
            actor=actor,
        )
        if move.wanted.urgent:
            self._put(state, parameter, move.new)
            return [*changes, change]
        trial = Trial(
            name=f"{at:.0f}/{parameter}",
            parameter=parameter,
            old=view.current,
            new=move.new,
            started_at=at,
            split=parameter in SPLIT,
            reason=move.wanted.reason,
            evidence=move.wanted.evidence,
            was_tuned=parameter in state.settings,
            actor=actor,
        )
        state.trial = trial
        if not trial.split:
            everyone = [one.traffic for one in self._states.values()]
            before = everyone if name == EVERYWHERE else [state.traffic]
            trials.remember_before(trial, before, at, self.rails)
            state.settings[parameter] = move.new
        return [*changes, replace(change, event=Event.CANARY)]

    def _put(self, state: ChannelState, parameter: Parameter, new: Setting) -> None:
        if parameter_off(parameter, new):
            state.settings.pop(parameter, None)
        else:
            state.settings[parameter] = new

    def _limits_of(self, state: ChannelState, at: float) -> ChannelLimits | None:
        trial = state.trial if state.trial is not None and state.trial.split else None
        if not state.settings and trial is None:
            return None
        canary = None
        if trial is not None:
            canary = Canary(
                name=trial.name,
                parameter=trial.parameter,
                setting=trial.new,
                ratio=self.rails.canary_ratio,
            )
        timed = any(one in TIMED for one in state.settings)
        usual = state.memory.over(Parameter.TOTAL, HOUR_S, at).quantile(0.99)
        return ChannelLimits(
            settings=dict(state.settings),
            canary=canary,
            leash_ratio=self.rails.leash_ratio if timed else 0.0,
            patience_s=60.0 if usual is None else round(min(max(usual.value_s, 1.0), 600.0), 1),
        )


def _states_of(body: Mapping[str, Any]) -> dict[ChannelId, ChannelState]:
    if body["version"] != _VERSION:
        raise ValueError(f"version {body['version']}")
    return {ChannelId(name): ChannelState.of(one) for name, one in body["channels"].items()}


def _size(move: _Move) -> float:
    """How far it goes, as a part of where it is."""
    was = move.view.current.at()
    return abs(move.new.at() - was) / max(was, 1e-9)

"""The tuner: from attempts to limits, one bounded and tested step at a time.

It sees attempts and a `Look` each round; what it wants, what holds it back and what it has done are its `Round`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from foreroute.core.attempt import Attempt
from foreroute.core.errors import StoreCorrupt
from foreroute.core.ids import ChannelId
from foreroute.core.limits import EVERYWHERE, TIMED, Canary, ChannelLimits, Parameter, Setting
from foreroute.heal.tuning import trials, wants
from foreroute.heal.tuning.channel_state import ChannelState
from foreroute.heal.tuning.memory import HOUR_S
from foreroute.heal.tuning.rails import Rails
from foreroute.heal.tuning.returning import step_back
from foreroute.heal.tuning.shadow import watched
from foreroute.heal.tuning.steps import NO_POLICY, Steps
from foreroute.heal.tuning.values import Change, Event, Graded, Look, Round, View

_VERSION: Final = 1


class Tuner:
    """Bounded in memory. `observe` and `round` belong to one thread."""

    def __init__(self, rails: Rails | None = None, want: wants.Want = wants.wanted) -> None:
        """`want`: where parameters should go; whatever it says, the rails and the trial bound it."""
        self.rails, self._want = rails or Rails(), want
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
        jumped = self._note_clock(look.at)
        names = [*look.policies, EVERYWHERE]
        self._states = {name: self._state(name) for name in names}
        steps = Steps(
            states=self._states,
            look=look,
            rails=self.rails,
            frozen_until=self._frozen_until,
            want=self._want,
        )
        changes: list[Change] = []
        views: list[View] = []
        graded: list[Graded] = []
        for name in names:
            state = self._states[name]
            state.refresh(look.at)
            over = trials.ended(name, state, look.at, self.rails, broken="the clock jumped" if jumped else "")
            graded += [trials.graded(one) for one in over]
            changes += [*over, *self._follow(name, state, look), *self._give_back(name, state, look)]
            mine, moves = steps.views(name)
            views += mine
            if moves:
                changes += steps.begin(name, moves)
            graded += watched(name, state, mine, look, self.rails, broken=jumped)
        return Round(
            limits=self.limits(look.at), changes=tuple(changes), views=tuple(views), graded=tuple(graded)
        )

    def limits(self, at: float) -> dict[ChannelId, ChannelLimits]:
        """What is in force, of the channels of which something is."""
        found = {name: self._limits_of(state, at) for name, state in self._states.items()}
        return {name: one for name, one in found.items() if one is not None}

    def approve(self, channel: ChannelId, parameter: Parameter) -> None:
        """The next step of it begins though the stage does not let it, and what it comes to stays."""
        self._state(channel).approved.add(parameter)

    def reset(
        self,
        channel: ChannelId,
        parameter: Parameter,
        configured: Setting,
        at: float,
        actor: str,
        *,
        hold: bool = True,
    ) -> Change | None:
        """As configured, at once; with `hold`, left alone for a while. None: nothing was tuned."""
        state = self._states.get(channel)
        if state is None:
            return None
        trial = state.trial if state.trial is not None and state.trial.parameter is parameter else None
        current = state.settings.get(parameter)
        if trial is None and current is None:
            return None
        if trial is not None:
            state.trial = None
        state.settings.pop(parameter, None)
        state.bases.pop(parameter, None)
        state.by_hand.discard(parameter)
        state.approved.discard(parameter)
        if hold:
            trials.hold(state, parameter, at, self.rails)
        return Change(
            at=at,
            channel=channel,
            parameter=parameter,
            event=Event.RESET,
            old=trial.new if trial is not None else current or configured,
            new=configured,
            reason=f"wanted as configured by the {actor}",
            actor=actor,
        )

    def dump(self) -> bytes:
        states = {name: state.dump() for name, state in self._states.items()}
        return orjson.dumps({"version": _VERSION, "channels": states})

    def load(self, state: bytes) -> None:
        """Goes on from what `dump` gave. Raises StoreCorrupt and changes nothing if it cannot."""
        try:
            found = _states_of(orjson.loads(state))
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
        if jumped or last is None:
            for state in self._states.values():
                trials.correct(state, at)
        return jumped

    def _follow(self, name: ChannelId, state: ChannelState, look: Look) -> list[Change]:
        """What was tuned from another configuration is as the new one says."""
        found = []
        for parameter, base in list(state.bases.items()):
            now = wants.configured(parameter, look.policies.get(name, NO_POLICY), look.retry_ratio)
            if now == base:
                continue
            change = self.reset(name, parameter, now, look.at, "configuration", hold=False)
            state.bases.pop(parameter, None)
            if change is not None:
                found.append(replace(change, reason="the configuration has changed"))
        return found

    def _give_back(self, name: ChannelId, state: ChannelState, look: Look) -> list[Change]:
        """Without the right to act, a trial ends, and what is in force returns a step a round, but for what an
        operator has approved. The kill switch keeps all of it from the gateway, and it returns the same way.
        """
        if look.act:
            return []
        found = []
        trial = state.trial
        if trial is not None and (look.killed or trial.parameter not in state.by_hand):
            found.append(trials.rolled_back(name, state, trial, look.at, look.held or "it may not act"))
        for parameter in [one for one in state.settings if one not in state.by_hand][:1]:
            policy = look.policies.get(name, NO_POLICY)
            goal = wants.configured(parameter, policy, look.retry_ratio)
            found.append(step_back(name, state, parameter, goal, look, self.rails))
        return found

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

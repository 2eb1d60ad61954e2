"""The way back to the configuration, for what may not act any more."""

from dataclasses import replace

from foreroute.core.ids import ChannelId
from foreroute.core.limits import Parameter, Setting
from foreroute.heal.tuning.channel_state import ChannelState
from foreroute.heal.tuning.load import UNLIMITED
from foreroute.heal.tuning.memory import QUARTER_S
from foreroute.heal.tuning.rails import Rails, stepped
from foreroute.heal.tuning.values import Bounds, Change, Event, Look


def step_back(
    channel: ChannelId, state: ChannelState, parameter: Parameter, goal: Setting, look: Look, rails: Rails
) -> Change:
    """One bounded step; within the dead band, all of it. The kill switch goes all the way: what it holds is as
    configured already.
    """
    current = state.settings[parameter]
    freed = replace(rails, bounds={**rails.bounds, parameter: _wide(rails, parameter, goal)})
    step = stepped(parameter, current, goal, freed).setting
    unlimited = goal.base >= UNLIMITED and parameter is Parameter.CONCURRENCY
    if look.killed or (unlimited and current.base >= 2 * state.traffic.load(QUARTER_S, look.at).peak):
        step = None
    if step is None or step == goal:
        step = goal
        state.settings.pop(parameter)
    else:
        state.settings[parameter] = step
    return Change(
        at=look.at,
        channel=channel,
        parameter=parameter,
        event=Event.RETURNED,
        old=current,
        new=step,
        reason=look.held or "it may not act",
    )


def _wide(rails: Rails, parameter: Parameter, goal: Setting) -> Bounds:
    bounds = rails.bounds[parameter]
    return replace(bounds, least=min(bounds.least, goal.at()), most=max(bounds.most, goal.at()))

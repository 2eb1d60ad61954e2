"""What every parameter of a channel is configured as, and where it should go."""

from collections.abc import Callable, Mapping
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.limits import EVERYWHERE, TIMED, Parameter, Setting
from foreroute.core.routes import CallPolicy
from foreroute.heal.tuning.channel_state import ChannelState
from foreroute.heal.tuning.faults import wanted_failures_in_row, wanted_outlier_ratio, wanted_retry_ratio
from foreroute.heal.tuning.load import ADMIT_ALL, UNLIMITED, wanted_admission, wanted_concurrency
from foreroute.heal.tuning.memory import QUARTER_S
from foreroute.heal.tuning.rails import Rails
from foreroute.heal.tuning.timeouts import wanted_timeout
from foreroute.heal.tuning.values import Look, Outlook, Wanted

OF_CHANNEL: Final = (
    *TIMED,
    Parameter.CONCURRENCY,
    Parameter.ADMISSION,
    Parameter.FAILURES_IN_ROW,
    Parameter.OUTLIER_RATIO,
)
NO_OUTLOOK: Final = Outlook()

Want = Callable[[ChannelId, Parameter, Setting, Mapping[ChannelId, ChannelState], Look, Rails], Wanted]
"""Where a parameter of a channel should go from where it is, as `wanted` says."""


def parameters_of(channel: ChannelId) -> tuple[Parameter, ...]:
    return (Parameter.RETRY_RATIO,) if channel == EVERYWHERE else OF_CHANNEL


def configured(parameter: Parameter, policy: CallPolicy, retry_ratio: float) -> Setting:
    """As the configuration has it, or what is as good as nothing where it has none."""
    timeouts, breaker = policy.timeouts, policy.breaker
    values: Mapping[Parameter, float] = {
        Parameter.CONNECT: timeouts.connect_s,
        Parameter.FIRST_CHUNK: timeouts.first_chunk_s,
        Parameter.STALL: timeouts.stall_s,
        Parameter.TOTAL: timeouts.total_s,
        Parameter.CONCURRENCY: UNLIMITED if policy.concurrency_max is None else policy.concurrency_max,
        Parameter.ADMISSION: ADMIT_ALL if policy.admission is None else policy.admission,
        Parameter.FAILURES_IN_ROW: breaker.consecutive_failures_max,
        Parameter.OUTLIER_RATIO: breaker.outlier_ratio_min,
        Parameter.RETRY_RATIO: retry_ratio,
    }
    return Setting(float(values[parameter]))


def wanted(
    channel: ChannelId,
    parameter: Parameter,
    current: Setting,
    states: Mapping[ChannelId, ChannelState],
    look: Look,
    rails: Rails,
) -> Wanted:
    state, at = states[channel], look.at
    if parameter in TIMED:
        return wanted_timeout(
            state.memory, parameter, current, look.outlooks.get(channel, NO_OUTLOOK), rails, at
        )
    match parameter:
        case Parameter.CONCURRENCY:
            return wanted_concurrency(state.traffic, current, rails, at)
        case Parameter.ADMISSION:
            return wanted_admission(state.traffic, current, rails, at)
        case Parameter.FAILURES_IN_ROW:
            return wanted_failures_in_row(state.traffic, rails, at)
        case Parameter.OUTLIER_RATIO:
            peers = [states[one].traffic for one in look.peers.get(channel, ()) if one in states]
            return wanted_outlier_ratio(peers, rails, at)
        case _:
            everyone = [one.traffic for name, one in states.items() if name != EVERYWHERE]
            return wanted_retry_ratio(everyone, current, at)


def start_of(parameter: Parameter, current: Setting, state: ChannelState, at: float) -> Setting:
    """Where a step begins: without a concurrency limit, at as many as there were at a time."""
    if parameter is Parameter.CONCURRENCY and current.base >= UNLIMITED:
        return Setting(float(max(1, state.traffic.load(QUARTER_S, at).peak)))
    return current

"""What a playbook can do, as values, and what that comes to: bounds that stand in the run, or an order to somebody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.playbook_run import Hold, HoldKind, Risk

STEP_S_MIN: Final = 10.0
STEP_S_MAX: Final = 86_400.0
SPREAD_S: Final = 60.0
"""Where a guard allows a share to be cut in steps only, one step comes so long after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eject:
    """No traffic for `for_s` × the number of the run, at most `for_s_max`."""

    for_s: float
    for_s_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitShare:
    """At most `factor` (0…1) of the configured share for `for_s`."""

    factor: float
    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftTraffic:
    """Moves `share` (0…1) of the configured share away, `step` at a time every `every_s`; all of it back after `for_s`."""

    share: float
    step: float
    every_s: float
    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Lifts what earlier steps and runs hold of the scope's shares, over the parts of `ramp` within `over_s`."""

    ramp: tuple[float, ...] = ()
    over_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConcurrency:
    """So many requests at a time as `factor` of the channel's own limit, at least one, for `for_s`."""

    factor: float
    for_s: float


class TimeoutPhase(StrEnum):
    FIRST_CHUNK = "first_chunk"
    STALL = "stall"
    TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimeout:
    """`factor` times the limit of a phase that is in force otherwise, for `for_s`; never outside the rails."""

    phase: TimeoutPhase
    factor: float
    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAttempts:
    """A request of the scope's routes makes at most `most` attempts, for `for_s`. Never more than configured."""

    most: int
    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    for_s: float


class ProbeKind(StrEnum):
    TCP = "tcp"
    """Whether a connection can be made, with TLS where the address has it."""
    MODELS = "models"
    """Whether the channel's list of models can be read with its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Asks each channel `times` times; well when `ok_min` of them went well. It fails when it does not go well."""

    kind: ProbeKind
    times: int
    ok_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line in the incident's record, for whoever looks at it."""

    text: str


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Tells people, through the receivers of the settings."""

    severity: Severity
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableKey:
    """A virtual key is refused until the step is undone."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Calls what the settings allow under this name. A playbook chooses the name, and nothing of what is called."""

    name: str


Bound = Eject | LimitShare | ShiftTraffic | Restore | SetConcurrency | SetTimeout | SetAttempts
Asking = Probe | Note | Notify | DisableKey | Hook
Action = Bound | Asking | Wait

BOUNDS: Final = (Eject, LimitShare, ShiftTraffic, Restore, SetConcurrency, SetTimeout, SetAttempts)
NAMES: Final[dict[type, str]] = {
    Eject: "eject",
    LimitShare: "limit_share",
    ShiftTraffic: "shift_traffic",
    Restore: "restore",
    SetConcurrency: "set_concurrency",
    SetTimeout: "set_timeout",
    SetAttempts: "set_attempts",
    Wait: "wait",
    Probe: "probe",
    Note: "note",
    Notify: "notify",
    DisableKey: "disable_key",
    Hook: "hook",
}
_SHARES: Final = (Eject, LimitShare, ShiftTraffic)
_PHASES: Final = {
    TimeoutPhase.FIRST_CHUNK: HoldKind.FIRST_CHUNK_TIMEOUT,
    TimeoutPhase.STALL: HoldKind.STALL_TIMEOUT,
    TimeoutPhase.TOTAL: HoldKind.TOTAL_TIMEOUT,
}


def risk_of(action: Action) -> Risk:
    match action:
        case Hook():
            return Risk.DESTRUCTIVE
        case DisableKey():
            return Risk.LASTING
        case Probe() | Note() | Notify() | Wait():
            return Risk.SAFE
        case _:
            return Risk.BOUNDED


def undo_of(action: Action) -> str:
    """The compensating action, in words."""
    match action:
        case DisableKey():
            return f"enable the key {action.key} again"
        case Hook():
            return f"call the undo of the hook {action.name}, where it has one"
        case Probe() | Note() | Notify() | Wait():
            return "nothing to undo"
        case Restore():
            return "nothing to undo: the bounds that it lifted are asked for anew when the trouble goes on"
        case _:
            return "lift the bound at once; it ends by itself otherwise"


def cuts_share(action: Action) -> bool:
    return isinstance(action, _SHARES)


def has_undo(action: Action) -> bool:
    """Whether somebody has to be asked to undo it; a bound is lifted by taking it out of the run."""
    return isinstance(action, DisableKey | Hook)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a step is applied to. `strength` (0…1): a canary has only a part of it."""

    channels: tuple[ChannelId, ...]
    number: int
    at: float
    shift_max: float = 1.0
    """The most of a share that may be cut at a time."""
    strength: float = 1.0


def holds_of(action: Bound, place: Place) -> tuple[Hold, ...]:
    """The bounds that a step asks for. Each ends by itself."""
    return tuple(hold for channel in place.channels for hold in _holds(action, place, channel))


def _holds(action: Bound, place: Place, channel: ChannelId) -> Iterator[Hold]:
    at, strength = place.at, place.strength

    def hold(kind: HoldKind, value: float, for_s: float, *, after_s: float = 0.0) -> Hold:
        until = at + min(max(for_s, STEP_S_MIN), STEP_S_MAX)
        return Hold(channel=channel, kind=kind, value=value, from_at=at + after_s, until=until)

    match action:
        case Eject():
            for_s = min(action.for_s * place.number, action.for_s_max)
            cuts = _cuts(strength, place.shift_max, SPREAD_S)
            yield from (hold(HoldKind.SHARE, 1.0 - cut, for_s, after_s=after_s) for cut, after_s in cuts)
        case LimitShare():
            cuts = _cuts((1.0 - action.factor) * strength, place.shift_max, SPREAD_S)
            yield from (
                hold(HoldKind.SHARE, 1.0 - cut, action.for_s, after_s=after_s) for cut, after_s in cuts
            )
        case ShiftTraffic():
            step = min(action.step, place.shift_max)
            cuts = _cuts(action.share * strength, step, action.every_s)
            yield from (
                hold(HoldKind.SHARE, 1.0 - cut, action.for_s, after_s=after_s) for cut, after_s in cuts
            )
        case Restore():
            yield from _ramp(action, channel, at)
        case SetConcurrency():
            yield hold(HoldKind.CONCURRENCY, 1.0 - (1.0 - action.factor) * strength, action.for_s)
        case SetTimeout():
            yield hold(_PHASES[action.phase], 1.0 + (action.factor - 1.0) * strength, action.for_s)
        case SetAttempts():
            yield hold(HoldKind.ATTEMPTS, float(action.most), action.for_s)


def _cuts(whole: float, step: float, every_s: float) -> Sequence[tuple[float, float]]:
    """(how much is cut, after how long), each in force until the end: the lowest bound counts."""
    found, cut, after_s = [], 0.0, 0.0
    while cut < whole - 1e-9:
        cut = min(whole, cut + max(step, 0.01))
        found.append((cut, after_s))
        after_s += every_s
    return found


def _ramp(action: Restore, channel: ChannelId, at: float) -> Iterator[Hold]:
    parts = [part for part in action.ramp if part < 1.0]
    each_s = action.over_s / len(parts) if parts else 0.0
    for place, part in enumerate(parts):
        from_at = at + place * each_s
        yield Hold(channel=channel, kind=HoldKind.SHARE, value=part, from_at=from_at, until=from_at + each_s)

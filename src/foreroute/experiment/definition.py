"""An experiment as its author says it, and what is wrong with it."""

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from foreroute.core.experiment import NO_TIMEOUT_CHANGE, ExperimentKind, TimeoutChange, Unit
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.routes import Select
from foreroute.experiment.measures import QUANTILES, Measure

DAY_S: Final = 86_400.0
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmDefinition:
    """What an arm changes; None and nothing: as things are."""

    name: str
    weight: float = 1.0
    route: RouteName | None = None
    channels: tuple[tuple[ChannelId, float], ...] = ()
    timeouts: TimeoutChange = NO_TIMEOUT_CHANGE
    hedge_after_s: float | None = None
    attempts_max: int | None = None
    sticky: bool | None = None
    select: Select | None = None

    @property
    def is_as_is(self) -> bool:
        changes = (self.route, self.hedge_after_s, self.attempts_max, self.sticky, self.select)
        return not self.channels and self.timeouts == NO_TIMEOUT_CHANGE and all(c is None for c in changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """The experiment stops when an arm is surely worse than the control by more than `worse_max`: a ratio of the
    control's value; of scores, points.
    """

    measure: Measure
    worse_max: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The first arm is the control."""

    id: str
    routes: tuple[RouteName, ...]
    arms: tuple[ArmDefinition, ...]
    kind: ExperimentKind = ExperimentKind.AB
    unit: Unit = Unit.REQUEST
    layer: str = "default"
    share: float = 1.0
    measure: Measure = Measure.LATENCY
    """What decides."""
    effect: float = 0.05
    """The smallest change worth knowing: a ratio of the control's value; of scores, points."""
    alpha: float = 0.05
    """How often an arm that makes no difference may be called better or worse, however often one looks."""
    power: float = 0.8
    guardrails: tuple[Guardrail, ...] = ()
    duration_s: float = 14 * DAY_S
    warm_up_s: float = 0.0
    slot_s: float = 1800.0
    washout_s: float = 0.0
    budget_usd: Decimal | None = None
    parallel_max: int = 4
    use_work: bool = True
    """Take away what a request's own size explains."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong where, and what would be right."""

    path: Path
    message: str
    hint: str


def faults(
    definition: Definition, routes: Collection[RouteName], channels: Collection[ChannelId]
) -> list[Fault]:
    """All of them; none: it can be started."""
    return [
        *_unknown_routes(definition, routes),
        *_arms(definition, routes, channels),
        *_by_kind(definition),
        *_measures(definition),
    ]


def _unknown_routes(definition: Definition, routes: Collection[RouteName]) -> Iterator[Fault]:
    for number, name in enumerate(definition.routes):
        if name not in routes:
            yield Fault(("routes", number), f"there is no route {name!r}", _near(name, routes, "routes"))


def _arms(
    definition: Definition, routes: Collection[RouteName], channels: Collection[ChannelId]
) -> Iterator[Fault]:
    names: list[str] = []
    if len(definition.arms) < 2:
        yield Fault(("arms",), "an experiment compares at least two arms", "the first one is the control")
    for number, arm in enumerate(definition.arms):
        path: Path = ("arms", number)
        if arm.name in names:
            yield Fault((*path, "name"), f"{arm.name!r} is an arm already", "give each one a name of its own")
        names.append(arm.name)
        if arm.route is not None and arm.route not in routes:
            hint = _near(arm.route, routes, "routes")
            yield Fault((*path, "route"), f"there is no route {arm.route!r}", hint)
        for channel, _ in arm.channels:
            if channel not in channels:
                hint = _near(channel, channels, "channels")
                yield Fault((*path, "channels", channel), f"there is no channel {channel!r}", hint)


def _by_kind(definition: Definition) -> Iterator[Fault]:
    match definition.kind:
        case ExperimentKind.SHADOW:
            yield from _shadow(definition)
        case ExperimentKind.SWITCHBACK:
            yield from _switchback(definition)
        case ExperimentKind.AB:
            if definition.warm_up_s and definition.unit is Unit.REQUEST:
                message = "a request has nothing before it to learn from"
                yield Fault(("warm_up",), message, "use unit: key, user or session, or no warm_up")


def _shadow(definition: Definition) -> Iterator[Fault]:
    if definition.arms and not definition.arms[0].is_as_is:
        message = "the first arm of a shadow is what users get: it changes nothing"
        yield Fault(("arms", 0), message, "for example: {name: live}")
    for number, arm in enumerate(definition.arms[1:], start=1):
        bare = ArmDefinition(name=arm.name, weight=arm.weight, channels=arm.channels)
        if len(arm.channels) != 1 or arm != bare:
            message = "a copy goes to exactly one channel, and nothing else can change"
            yield Fault(("arms", number), message, "for example: {name: copy, channels: {openai-eu: 1}}")
    if not definition.budget_usd:
        message = "a shadow costs money: say how much all its copies may cost together"
        yield Fault(("budget_usd",), message, "for example: budget_usd: 5")
    if definition.unit is not Unit.REQUEST:
        yield Fault(("unit",), "copies are compared request by request", "use unit: request")


def _switchback(definition: Definition) -> Iterator[Fault]:
    if definition.washout_s >= definition.slot_s:
        yield Fault(("washout",), "is as long as the slot: nothing would be left", "make it shorter")
    if definition.share < 1.0:
        message = "all requests of a slot have the same arm, so it takes the whole layer"
        yield Fault(("share",), message, "leave share away")
    if definition.unit is not Unit.REQUEST:
        yield Fault(("unit",), "what is assigned is the slot of time", "leave unit away")


def _measures(definition: Definition) -> Iterator[Fault]:
    asked: list[tuple[Path, Measure]] = [(("measure",), definition.measure)]
    asked += [(("guardrails", n, "measure"), one.measure) for n, one in enumerate(definition.guardrails)]
    clustered = definition.kind is ExperimentKind.SWITCHBACK or definition.unit is not Unit.REQUEST
    for path, measure in asked:
        if measure in QUANTILES and clustered:
            message = "a percentile needs requests that are assigned one by one"
            yield Fault(path, message, "use latency or first_chunk, or unit: request")
        if measure is Measure.QUALITY and definition.kind is ExperimentKind.SHADOW:
            yield Fault(path, "the answers of copies are discarded: nobody can score them", "use kind: ab")


def _near(name: str, known: Collection[str], section: str) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    wished = f"did you mean {near[0]}? " if near else ""
    return f"{wished}{section}: {', '.join(names) or 'none'}"

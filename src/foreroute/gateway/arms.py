"""Experiments at the gateway: which arms a request is in, and what they change for it.

Costs one look at the plan while no experiment runs. An expired plan has none: the control loop is away then, and
nobody would see what an arm does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foreroute.core.assignment import Drawn, draw
from foreroute.core.attempt import ArmMark
from foreroute.core.experiment import AS_IS, ExperimentKind, Unit, treated
from foreroute.core.ids import KeyId
from foreroute.core.routes import Route
from foreroute.gateway.plan_cell import PlanCell, ServedRoute
from foreroute.gateway.wire.request import ModelRequest

_USER: Final = b"x-foreroute-user"
_SESSION: Final = b"x-foreroute-session"
_KEPT_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a request's experiments come to. `copies` are those that want it sent to another channel as well."""

    marks: tuple[ArmMark, ...]
    routes: Sequence[ServedRoute]
    copies: tuple[Drawn, ...] = ()


class Arms:
    """Lives on the gateway's event loop. Remembers the routes that it has changed, since the next request wants them."""

    def __init__(self, plans: PlanCell) -> None:
        self._plans = plans
        self._changed: dict[tuple[str, str], tuple[Route, Route]] = {}

    def enrol(
        self,
        model: str,
        routes: Sequence[ServedRoute],
        unit_of: Callable[[Unit], str | None],
        at: float,
    ) -> Enrolled | None:
        """None: the request takes part in nothing, which is the usual case."""
        first = routes[0]
        planned = self._plans.current().experiments
        if not planned or first.static or first.route.name != model:
            return None
        experiments = planned.get(first.route.name)
        if not experiments or not (drawn := draw(experiments, unit_of, at)):
            return None
        marks = tuple(one.mark for one in drawn)
        copies = tuple(one for one in drawn if one.experiment.kind is ExperimentKind.SHADOW and one.begun)
        route = first.route
        for one in drawn:
            if one.begun and one.arm.treatment != AS_IS:
                route = self._treated(route, one)
        if route is first.route:
            return Enrolled(marks, routes, copies)
        return Enrolled(marks, (replace(first, route=route), *routes[1:]), copies)

    def _treated(self, route: Route, drawn: Drawn) -> Route:
        key = drawn.experiment.run, drawn.arm.name
        kept = self._changed.get(key)
        if kept is not None and kept[0] is route:
            return kept[1]
        changed = treated(route, drawn.arm.treatment, self._plans.current().routes)
        if len(self._changed) >= _KEPT_MAX:
            self._changed.clear()
        self._changed[key] = route, changed
        return changed


def unit_reader(
    request: ModelRequest, headers: Mapping[bytes, bytes], key_id: KeyId | None, request_id: str
) -> Callable[[Unit], str | None]:
    """What a request says of itself; None for what it does not say."""

    def unit_of(unit: Unit) -> str | None:
        match unit:
            case Unit.REQUEST:
                return request_id
            case Unit.KEY:
                return key_id
            case Unit.USER:
                return _text(headers, _USER) or request.user
            case Unit.SESSION:
                return _text(headers, _SESSION)

    return unit_of


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    return headers.get(name, b"").decode("latin-1").strip() or None

"""What experiments cost a request at the gateway: nothing runs, or one does."""

import time
import timeit
from typing import Final

from bench.report import Row
from foreroute.core.experiment import (
    PLACES,
    ExperimentKind,
    PlannedArm,
    PlannedExperiment,
    RunId,
    Treatment,
    Unit,
)
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.gateway.arms import Arms, unit_reader
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.request import ModelRequest, read_small_request

_TIMES: Final = 20_000
_HOW: Final = "processor time, the best of seven rounds of 20,000"


def rows() -> list[Row]:
    return [
        Row(
            id=f"experiment.assign_us.{name}",
            what=f"time that a request spends on experiments: {what}",
            value=_microseconds(cell),
            unit="µs",
            target=target,
            holds=None,
            how=_HOW,
        )
        for name, what, target, cell in (
            ("none", "none runs", "near zero", _cell(0)),
            ("one", "one runs, and it takes part", None, _cell(1)),
            ("five", "five run in one layer, and it takes part in the last", None, _cell(5)),
        )
    ]


def _microseconds(cell: PlanCell) -> float:
    """As the reception does it: first a look, then what must be."""
    request = read_small_request(Call(Endpoint.CHAT, "/chat/completions"), b'{"model":"chat"}', depth_max=8)
    assert isinstance(request, ModelRequest)
    served = cell.route(RouteName("chat"), 1.0)
    assert served is not None
    arms, routes = Arms(cell), (served,)

    def once() -> None:
        if cell.current().experiments:
            arms.enrol(request.model, routes, unit_reader(request, {}, None, "req_7a1b"), 1.0)

    return min(timeit.repeat(once, number=_TIMES, repeat=7, timer=time.process_time)) / _TIMES * 1e6


def _cell(many: int) -> PlanCell:
    name = RouteName("chat")
    targets = tuple(Target(channel=ChannelId(channel), weight=0.5) for channel in "ab")
    arms = tuple(
        PlannedArm(name=channel, share=0.5, treatment=Treatment(targets=(targets[n],)))
        for n, channel in enumerate("ab")
    )
    experiments = [
        PlannedExperiment(
            run=RunId(f"e.{number}"),
            kind=ExperimentKind.AB,
            layer="default",
            slices=((0, PLACES),) if number == many else ((0, 0),),
            arms=arms,
            unit=Unit.REQUEST,
        )
        for number in range(1, many + 1)
    ]
    plan = RoutingPlan(
        version=0,
        made_at=0.0,
        valid_until=1e9,
        routes={name: Route(name=name, targets=targets)},
        experiments={name: tuple(experiments)} if experiments else {},
    )
    return PlanCell(plan)

"""Slowness, processes that die, regions that are gone, everything down."""

from typing import Final

from foreroute.chaos import acts, refusals
from foreroute.chaos.catalogue.plays import (
    calm,
    calm_once_down,
    few_switches,
    flap,
    kill_and_restart,
    moved_within,
    oom_loop,
    peers_keep_pace,
    ramp,
    slow_cut,
)
from foreroute.chaos.door import Door
from foreroute.chaos.fault import Course, Expected, Fault, Kind
from foreroute.core.failure import FailureClass as F

_USUAL_S: Final = 0.2
_REFUSED: Final = frozenset({F.CONNECTION_REFUSED_OR_RESET})

WHOLE: Final = (
    Fault(id="500_one_of_four", what="a burst of 500 from one of four", act=refusals.broken,
          course=Course(channels=4, pace_s=0.25),
          expected=Expected(classes=frozenset({F.SERVER_ERROR}), asked_max=4,
                            checks=(moved_within(5.0), peers_keep_pace))),
    Fault(id="latency_x8", what="one channel takes eight times as long", act=acts.slow(8 * _USUAL_S),
          play=ramp(_USUAL_S, 8 * _USUAL_S, over_s=0.0),
          course=Course(control=True, fault_s=240.0, pace_s=0.25),
          expected=Expected(checks=(slow_cut(30.0),))),
    Fault(id="slow_ramp", what="one channel becomes eight times as slow over five minutes",
          play=ramp(_USUAL_S, 8 * _USUAL_S, over_s=300.0),
          course=Course(control=True, fault_s=420.0),
          expected=Expected(checks=(slow_cut(300.0),))),
    Fault(id="cold_start", what="a model loads for 40 s, and says so", act=refusals.loading,
          course=Course(fault_s=40.0),
          expected=Expected(classes=frozenset({F.COLD_START}), asked_max=10)),
    Fault(id="killed", what="the serving process is killed, and started again a minute later",
          play=kill_and_restart, course=Course(processes=True), expected=Expected(classes=_REFUSED, asked_max=3)),
    Fault(id="oom_loop", what="the process dies at every request, and is started again each time",
          play=oom_loop, course=Course(processes=True),
          expected=Expected(classes=_REFUSED | {F.STREAM_INTERRUPTED, F.BACKEND_DEAD}, asked_max=8)),
    Fault(id="region_black_holed", what="both channels of a region are out of reach", door=Door.BLACK_HOLE,
          course=Course(channels=4, faulty=2, pace_s=0.25, connect_s=1.0),
          expected=Expected(classes=_REFUSED | {F.TIMEOUT_CONNECT, F.NETWORK_UNSPECIFIED}, within_s=2.5, asked_max=20,
                            checks=(moved_within(5.0),))),
    Fault(id="all_503", what="all channels answer 503", act=refusals.overloaded, kind=Kind.DOWN, everywhere=True,
          expected=Expected(classes=frozenset({F.OVERLOADED}), checks=(calm,)), compared=True, requests=5),
    Fault(id="everything_down", what="nobody listens anywhere", door=Door.CLOSED, kind=Kind.DOWN,
          everywhere=True, course=Course(channels=4, pace_s=0.1),
          expected=Expected(classes=_REFUSED, checks=(calm, calm_once_down))),
    Fault(id="flapping", what="one channel is up for five seconds and down for five", act=refusals.broken,
          play=flap(5.0), course=Course(fault_s=240.0),
          expected=Expected(classes=frozenset({F.SERVER_ERROR}), checks=(few_switches(2.0),))),
)  # fmt: skip

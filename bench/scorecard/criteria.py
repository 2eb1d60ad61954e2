"""The success criteria, by demand, and which figure of which benchmark answers each."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "≤": operator.le,
    ">": operator.gt,
    "≥": operator.ge,
    "=": operator.eq,
}


class Method(StrEnum):
    """Where a figure comes from. The three are never mixed in one row."""

    REAL_DATA = "recorded data"
    REAL_SERVERS = "real servers on loopback"
    SIMULATION = "simulation"


@dataclass(frozen=True, slots=True)
class Target:
    """`sign` is one of < ≤ > ≥ =."""

    sign: str
    value: float
    unit: str = ""

    def holds(self, value: float) -> bool:
        """NaN keeps no promise."""
        return _COMPARE[self.sign](value, self.value)

    def __str__(self) -> str:
        return f"{self.sign} {amount(self.value, self.unit)}"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A benchmark: roughly how long it takes in whole and in short, in seconds on one core. `in_short`: the whole of it is
    left to whoever asks for it by name, because it takes too long for a scorecard. `alone`: its figures here are times, so
    nothing is measured beside it.
    """

    name: str
    quick_s: float
    full_s: float
    in_short: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """`row`: the figure's id in the output of `instrument`; without one nothing measures it yet, and `missing` says what
    is lacking.
    """

    demand: str
    what: str
    target: Target
    method: Method = Method.REAL_DATA
    instrument: str = ""
    row: str = ""
    missing: str = ""


INSTRUMENTS: Final = (
    Instrument("forecast", 110, 900),
    Instrument("detect", 40, 720),
    Instrument("store", 40, 85, alone=True),
    Instrument("dashboard", 10, 30, alone=True),
    Instrument("demo", 95, 290),
    Instrument("experiment", 30, 1500, in_short=True),
    Instrument("cost", 5, 60),
    Instrument("heal", 160, 480),
    Instrument("policies", 60, 1200),
    Instrument("savings", 30, 280),
    Instrument("clouds", 20, 20),
    Instrument("year", 150, 1500, in_short=True),
    Instrument("wan", 130, 740, alone=True),
)

_DATA, _SERVERS, _SIMULATED = Method.REAL_DATA, Method.REAL_SERVERS, Method.SIMULATION
_PART: Final = Target("<", 0.15, "%")

CRITERIA: Final = (
    Criterion(demand="T1", what="attempts lost between gateway, minutes and ledger", target=Target("=", 0.0),
              method=_SERVERS, instrument="demo", row="demo.lost_attempts"),
    Criterion(demand="T1", what="a minute of all channels is committed, p99", target=Target("<", 500.0, "ms"),
              method=_SIMULATED, instrument="store", row="store.commit_p99_ms"),
    Criterion(demand="T2", what="forecast of the next 15 minutes, MAPE of the slowdown of real GenAI requests",
              target=_PART, instrument="forecast", row="forecast.mape.slowdown.15min"),
    Criterion(demand="T2", what="forecast of the next hour, MAPE of the same", target=_PART,
              instrument="forecast", row="forecast.mape.slowdown.60min"),
    Criterion(demand="T2", what="channels whose median latency is forecast within 15 %, 15 minutes",
              target=Target("≥", 0.90, "%"), instrument="forecast", row="forecast.mape.p50.15min"),
    Criterion(demand="T2", what="channels whose median latency is forecast within 15 %, 1 hour",
              target=Target("≥", 0.90, "%"), instrument="forecast", row="forecast.mape.p50.60min"),
    Criterion(demand="T2", what="error over the last value's, mean of the next 15 minutes and hour, 11 groups",
              target=Target("≤", 0.53), instrument="forecast", row="forecast.relmae_last.mean"),
    Criterion(demand="T2", what="outcomes inside the 80 % interval", target=Target("≥", 0.77, "%"),
              instrument="forecast", row="forecast.coverage80"),
    Criterion(demand="T2", what="a forecast of one of a thousand channels is answered over HTTP, median",
              target=Target("<", 50.0, "ms"), method=_SERVERS, instrument="dashboard", row="dashboard.metric_ms"),
    Criterion(demand="T3", what="anomalies, F1 on faults put into recorded series", target=Target(">", 0.85),
              instrument="detect", row="detect.f1"),
    Criterion(demand="T3", what="anomalies, precision", target=Target(">", 0.85, "%"),
              instrument="detect", row="detect.precision"),
    Criterion(demand="T3", what="anomalies, recall", target=Target(">", 0.80, "%"),
              instrument="detect", row="detect.recall"),
    Criterion(demand="T3", what="anomalies, false-positive rate", target=Target("<", 0.05, "%"),
              instrument="detect", row="detect.fpr"),
    Criterion(demand="D2", what="requests that failed for users while a channel slowed down and another broke",
              target=Target("=", 0.0), method=_SERVERS, instrument="demo", row="demo.failed_requests"),
    Criterion(demand="D2", what="minutes by which the forecast moved traffic before the limit was crossed, median",
              target=Target(">", 0.0, "min"), method=_SERVERS, instrument="demo", row="demo.lead_min"),
    Criterion(demand="D2", what="simulated requests in which a policy did better than the oracle that knows the future",
              target=Target("=", 0.0), method=_SIMULATED, instrument="policies", row="policies.oracle_beaten"),
    Criterion(demand="C2", what="cost saved against static weights", target=Target("≥", 0.20, "%"),
              method=_SIMULATED, instrument="savings", row="savings.static.saved"),
    Criterion(demand="C2", what="latency p95 added while saving", target=Target("<", 0.10, "%"),
              method=_SIMULATED, instrument="savings", row="savings.static.p95"),
    Criterion(demand="C2", what="error of the forecast of a week's cost with three quarters of it gone, all channels",
              target=Target("<", 0.10, "%"), instrument="cost", row="cost.forecast.week.75.fleet"),
    Criterion(demand="C2", what="error of the forecast of a week's cost with three quarters of it gone, a pool",
              target=Target("<", 0.12, "%"), instrument="cost", row="cost.forecast.week.75.pool"),
    Criterion(demand="C2", what="error of the forecast of a day's cost with three quarters of it gone, all channels",
              target=Target("<", 0.10, "%"), instrument="cost", row="cost.forecast.day.75.fleet"),
    Criterion(demand="C1", what="pico-dollars between the ledger and a recount of simulated attempts",
              target=Target("=", 0.0), method=_SIMULATED, instrument="cost", row="cost.ledger.recount"),
    Criterion(demand="C3", what="months until it has paid for itself: 5,000 USD a month of models, 2,400 once, 100 a month (assumed)",
              target=Target("≤", 3.0), method=_SIMULATED, instrument="savings", row="savings.payback_months"),
    Criterion(demand="H1", what="causes of failures named right, macro-F1, rules kept from what they were made of",
              target=Target("≥", 0.90), instrument="heal", row="heal.macro_f1_cut"),
    Criterion(demand="H1", what="the same with the rules as they are, which flatters", target=Target("≥", 0.90),
              instrument="heal", row="heal.macro_f1_dev"),
    Criterion(demand="H1", what="right action on failures, the rules as they are", target=Target("≥", 0.97),
              instrument="heal", row="heal.action_accuracy_dev"),
    Criterion(demand="B2", what="A/A experiments that raise an alarm, looked at after every request",
              target=Target("≤", 0.05, "%"), method=_SIMULATED, instrument="experiment",
              row="experiment.aa_false_positive_ratio"),
    Criterion(demand="H1", what="recurring failures prevented by what was learnt", target=Target("≥", 0.80, "%"),
              method=_SERVERS, instrument="heal", row="heal.recurrence_prevented_ratio"),
    Criterion(demand="H2", what="users' time to recover against the reactive baseline, seeded injections",
              target=Target("≤", 0.70), method=_SERVERS, instrument="heal", row="heal.mttr_ratio"),
    Criterion(demand="H3", what="faults recovered from without anybody's help, seeded injections",
              target=Target("≥", 0.98, "%"), method=_SERVERS, instrument="heal", row="heal.recovery_ratio"),
    Criterion(demand="G1", what="p95 of the slowest region", target=Target("<", 200.0, "ms"),
              method=_SERVERS, instrument="wan", row="wan.p95_ms"),
    Criterion(demand="G2", what="failover between regions, p99", target=Target("<", 5.0, "s"),
              method=_SERVERS, instrument="wan", row="wan.failover_p99_s"),
    Criterion(demand="G3", what="clouds that pass the contract", target=Target("≥", 3.0),
              method=_SERVERS, instrument="clouds", row="clouds.contract"),
    Criterion(demand="G3", what="availability over a simulated year", target=Target("≥", 0.9995, "%"),
              method=_SIMULATED, instrument="year", row="year.availability"),
)  # fmt: skip


def amount(value: float, unit: str) -> str:
    """A figure in its unit; `%` takes a ratio."""
    if unit == "%":
        return f"{value * 100:.4g} %"
    return f"{value:.4g} {unit}".rstrip()

"""What a tick leaves on record: what it knew and decided, what was found, what was said of the future, what came of moves."""

from collections.abc import Iterable, Sequence

from foreroute.control.decision_log import anomaly_record, incident_record, tick_record
from foreroute.control.forecast_log import forecast_record
from foreroute.control.moves import Move, move_record
from foreroute.control.stages import Key
from foreroute.core.decision import Decision
from foreroute.core.findings import Findings
from foreroute.core.ports import Record
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import Snapshot


def journal(
    snapshot: Snapshot,
    rails: Guardrails,
    decision: Decision,
    findings: Findings,
    moves: Iterable[Move],
    steering: Sequence[Key],
) -> list[Record]:
    """`steering`: the series whose forecasts may move shares."""
    said = forecast_record(snapshot.at, findings.forecasts, steering)
    return [
        tick_record(snapshot, rails, decision),
        *map(incident_record, findings.incidents),
        *map(anomaly_record, findings.anomalies),
        *map(move_record, moves),
        *([] if said is None else [said]),
    ]

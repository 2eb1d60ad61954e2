"""The journal of decisions: one `tick` record per tick with the snapshot that made it, one `decision` record per change.

A tick can be replayed: the same snapshot through `decide()` gives the same decision (see `replay`).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter

from foreroute.core.decision import Autopilot, Decision, Reason, ShareChange
from foreroute.core.findings import Anomaly, Incident
from foreroute.core.ports import Record
from foreroute.decide.decide import decide
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import Snapshot

TICK, DECISION, INCIDENT, ANOMALY, AUDIT = "tick", "decision", "incident", "anomaly", "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRecord:
    snapshot: Snapshot
    rails: Guardrails
    decision: Decision


@cache
def _ticks() -> TypeAdapter[TickRecord]:
    return TypeAdapter(TickRecord)


def tick_record(snapshot: Snapshot, rails: Guardrails, decision: Decision) -> Record:
    body = _ticks().dump_json(TickRecord(snapshot=snapshot, rails=rails, decision=decision))
    return Record(kind=TICK, id=decision.id, at=decision.at, body=body)


def read_tick(record: Record) -> TickRecord:
    """Raises pydantic's ValidationError on a body that is not a tick of this version."""
    return _ticks().validate_json(record.body)


def replay(tick: TickRecord) -> Decision:
    """What `decide()` says to the logged snapshot today."""
    return decide(tick.snapshot, tick.rails)


def decision_record(decision: Decision, autopilot: Autopilot) -> Record:
    body = {
        "id": decision.id,
        "at": decision.at,
        "applied": decision.applied,
        "autopilot": autopilot.value,
        "plan_version": decision.plan.version,
        "changes": [_change(change) for change in decision.changes],
        "reasons": [_reason(reason) for reason in decision.reasons],
        "proposals": [
            {
                "capability": proposal.capability.value,
                "stage": proposal.stage.value,
                "changes": [_change(change) for change in proposal.changes],
            }
            for proposal in decision.proposals
        ],
    }
    return Record(kind=DECISION, id=decision.id, at=decision.at, body=orjson.dumps(body))


def incident_record(incident: Incident) -> Record:
    body = {
        "id": incident.id,
        "channel": incident.channel,
        "opened_at": incident.opened_at,
        "closed_at": incident.closed_at,
        "root_cause": incident.root_cause.value,
        "probability": incident.probability,
        "evidence": incident.evidence,
        "state": incident.state.value,
        "playbooks": list(incident.playbooks_run),
        "steps": list(incident.steps_done),
        "time_to_recover_s": incident.time_to_recover_s,
    }
    return Record(kind=INCIDENT, id=incident.id, at=incident.opened_at, body=orjson.dumps(body))


def anomaly_record(anomaly: Anomaly) -> Record:
    name = f"{anomaly.channel}/{anomaly.metric}/{anomaly.at:.0f}"
    return Record(kind=ANOMALY, id=name, at=anomaly.at, body=orjson.dumps(anomaly))


def audit_record(*, at: float, action: str, detail: str) -> Record:
    body = {"at": at, "action": action, "detail": detail}
    return Record(kind=AUDIT, id=f"{at:.6f}/{action}", at=at, body=orjson.dumps(body))


def _change(change: ShareChange) -> dict[str, Any]:
    return {
        "route": change.route,
        "channel": change.channel,
        "before": change.before,
        "after": change.after,
        "cause_channel": change.reason.channel,
        "code": change.reason.code.value,
        "detail": change.reason.detail,
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {"channel": reason.channel, "code": reason.code.value, "detail": reason.detail}

"""Incidents as rows of JSON: for the page, the command line and whoever else asks."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any, Final

from foreroute.control.state import Board
from foreroute.core.decision import Autopilot
from foreroute.core.incident import (
    ActKind,
    ForecastOutcome,
    IncidentReport,
    Member,
    Origin,
)

Row = dict[str, Any]
_GONE: Final = frozenset({"merged"})


def state_of(report: IncidentReport) -> str:
    """One word: what a person should think of it."""
    if report.merged_into is not None:
        return "merged"
    if report.origin is Origin.FORECAST:
        return (report.outcome or ForecastOutcome.PENDING).value
    if report.is_open:
        return "mitigated" if report.phases.shifted_at is not None else "open"
    return "closed"


def brief_row(report: IncidentReport) -> Row:
    """For the first page, which tells of several things."""
    cause, phases = report.cause, report.phases
    closed_at = phases.closed_at
    return {
        "id": report.id,
        "scope": report.scope,
        "channel": report.name,
        "channels": sorted(report.channels),
        "opened_at": report.opened_at,
        "closed_at": closed_at,
        "root_cause": report.kind,
        "probability": None if cause is None else cause.probability,
        "evidence": "" if cause is None else cause.evidence,
        "state": state_of(report),
        "playbooks": playbooks_of(report),
        "time_to_recover_s": None if closed_at is None else closed_at - report.opened_at,
    }


def playbooks_of(report: IncidentReport) -> list[str]:
    """In the order of their first runs."""
    names = [act.what.split()[1] for act in report.acts if act.kind is ActKind.PLAYBOOK]
    return list(dict.fromkeys(names))


def short_row(report: IncidentReport) -> Row:
    """An incident in a list."""
    felt = report.felt
    return brief_row(report) | {
        "name": report.name,
        "origin": report.origin.value,
        "outcome": None if report.outcome is None else report.outcome.value,
        "foreseen_at": report.foreseen_at,
        "phases": phases_row(report),
        "requests": felt.requests,
        "lost": felt.lost,
        "rescued": felt.rescued,
        "late": felt.late,
        "keys": len(felt.keys),
        "user_s": report.clocks.user_s,
        "channel_s": report.clocks.channel_s,
        "share_before": report.share_before,
        "share_least": report.share_least,
        "recurrence_of": report.recurrence_of,
        "recurrences": report.recurrences,
        "relapses": report.relapses,
        "merged_into": report.merged_into,
        "closed_by": report.closed_by,
        "notes": len(report.notes),
    }


def full_row(report: IncidentReport) -> Row:
    """All that is known of one, but its course and what can be undone."""
    felt = report.felt
    return short_row(report) | {
        "outcome_detail": report.outcome_detail,
        "members": [_member_row(one) for one in report.members],
        "foreseen_on": list(report.foreseen_on),
        "acts": [
            {
                "id": act.id,
                "kind": act.kind.value,
                "at": act.at,
                "what": act.what,
                "why": act.why,
                "applied": act.applied,
                "undo": act.undo,
            }
            for act in report.acts
        ],
        "patterns": [
            {"id": one.id, "text": one.text, "example": one.example, "count": one.count}
            for one in report.patterns
        ],
        "felt": {
            "requests": felt.requests,
            "failed_attempts": felt.failed_attempts,
            "lost": felt.lost,
            "rescued": felt.rescued,
            "late": felt.late,
            "waited_mean_s": felt.waited_s / felt.rescued if felt.rescued else None,
            "keys": list(felt.keys),
        },
        "first_lost_at": report.clocks.first_lost_at,
        "guards": [
            {"code": one.code, "values": dict(one.values), "config": one.config} for one in report.guards
        ],
        "notes": [{"at": one.at, "by": one.by, "text": one.text} for one in report.notes],
    }


def phases_row(report: IncidentReport) -> Row:
    phases = report.phases
    return {
        "first_bad_at": phases.first_bad_at,
        "detected_at": phases.detected_at,
        "decided_at": phases.decided_at,
        "shifted_at": phases.shifted_at,
        "verified_at": phases.verified_at,
        "closed_at": phases.closed_at,
    }


def summary_row(reports: Iterable[IncidentReport], at: float, within_s: float) -> Row:
    """The figures of a time: how many, and how long by both clocks, over those that are over."""
    recent = [one for one in reports if one.opened_at >= at - within_s and state_of(one) not in _GONE]
    seen = [one for one in recent if one.origin is Origin.OBSERVED]
    over = [one for one in seen if not one.is_open]
    foreseen = [one for one in recent if one.origin is Origin.FORECAST]
    return {
        "within_s": within_s,
        "open": sum(one.is_open for one in seen),
        "closed": len(over),
        "user": _clock([one.clocks.user_s for one in over]),
        "channel": _clock([one.clocks.channel_s for one in over]),
        "lost": sum(one.felt.lost for one in seen),
        "rescued": sum(one.felt.rescued for one in seen),
        "recurrences": sum(one.recurrence_of is not None for one in seen),
        "foreseen": {
            outcome.value: sum(one.outcome is outcome for one in foreseen) for outcome in ForecastOutcome
        },
    }


def undo_rows(report: IncidentReport, board: Board | None) -> list[Row]:
    """What can be taken back now, and by which control."""
    if board is None:
        return []
    found: list[Row] = []
    newest = board.decision
    mine = newest is not None and newest.applied and newest.id in report.decisions
    if mine and board.can_undo:
        found.append({"control": "undo", "path": "/api/undo", "body": {}, "about": report.decisions[-1]})
    if not report.is_open:
        return found
    ran = any(act.kind is ActKind.PLAYBOOK and act.applied for act in report.acts)
    if ran and board.autopilot is Autopilot.ACT:
        body = {"capability": "playbooks", "move": "lower", "reason": f"incident {report.id}"}
        found.append({"control": "playbooks", "path": "/api/rollout", "body": body, "about": None})
    found.append(
        {
            "control": "release" if board.kill_switch else "hold",
            "path": "/api/kill-switch",
            "body": {"on": not board.kill_switch},
            "about": None,
        }
    )
    return found


def _member_row(member: Member) -> Row:
    return {
        "channel": member.channel,
        "kind": member.kind,
        "since_at": member.since_at,
        "seen_at": member.seen_at,
        "closed_at": member.closed_at,
        "probability": member.probability,
        "evidence": member.evidence,
    }


def _clock(values: Sequence[float | None]) -> Row:
    known = [value for value in values if value is not None]
    return {
        "measured": len(known),
        "of": len(values),
        "mean_s": statistics.fmean(known) if known else None,
        "median_s": statistics.median(known) if known else None,
    }

"""Incidents that were foreseen: opened by the move that a forecast made, graded by what the channel did then. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from foreroute.control.incidents.grouping import Place, same_trouble
from foreroute.control.incidents.naming import name_of
from foreroute.control.incidents.seen import BookSettings, Seen
from foreroute.control.incidents.telling import ended
from foreroute.control.moves import Move, Verdict
from foreroute.core.decision import ReasonCode
from foreroute.core.incident import (
    SLOW,
    ForecastOutcome,
    IncidentReport,
    Origin,
    PhaseTimes,
)


def opened_by(move: Move, reports: Iterable[IncidentReport]) -> IncidentReport | None:
    """The report of a move that was made before anything was wrong: a new one, or the open one that it belongs to.

    None for any other move, and where the channel is in trouble already.
    """
    channel = move.channel
    if move.code is not ReasonCode.FORECAST or not move.executed or channel is None:
        return None
    about = [one for one in reports if channel in one.channels and same_trouble(one.kind, SLOW)]
    known = next((one for one in about if one.origin is Origin.FORECAST), None)
    if known is not None:
        return known if move.id in known.moves else replace(known, moves=(*known.moves, move.id))
    if about or move.verdict is not None:
        return None
    place = Place("channel", channel)
    return IncidentReport(
        id=name_of(place, f"foreseen/{SLOW}", move.at),
        scope=place.scope,
        name=place.name,
        kind=SLOW,
        origin=Origin.FORECAST,
        outcome=ForecastOutcome.PENDING,
        outcome_detail=move.detail,
        phases=PhaseTimes(),
        foreseen_at=move.at,
        foreseen_on=(channel,),
        moves=(move.id,),
    )


def foreseen(report: IncidentReport, seen: Seen, settings: BookSettings) -> IncidentReport:
    """With its grade, once its first move has one, and verified when the channel is in no trouble any more."""
    members = tuple(ended(one, seen, settings) for one in report.members)
    report = replace(report, members=members)
    verdict = next(
        (move.verdict for move in seen.moves if move.id in report.moves and move.verdict is not None), None
    )
    if verdict is not None and report.outcome is ForecastOutcome.PENDING:
        report = _graded(report, verdict, settings)
    if report.outcome is ForecastOutcome.PENDING or any(one.closed_at is None for one in members):
        return report
    if report.outcome is ForecastOutcome.PREVENTED:  # what is felt to the end counts
        report = replace(report, outcome=_outcome(report, settings))
    return replace(report, phases=replace(report.phases, verified_at=seen.at).ordered())


def _graded(report: IncidentReport, verdict: Verdict, settings: BookSettings) -> IncidentReport:
    if report.members or verdict.came:
        outcome = _outcome(report, settings)
    else:
        outcome = ForecastOutcome.UNGRADABLE if verdict.came is None else ForecastOutcome.FALSE_ALARM
    return replace(report, outcome=outcome, outcome_detail=verdict.detail)


def _outcome(report: IncidentReport, settings: BookSettings) -> ForecastOutcome:
    """Of trouble that came: whether users felt it."""
    felt = report.felt
    bad = felt.lost + felt.late
    few = bad <= settings.felt_ratio_max * max(felt.requests, 1)
    return ForecastOutcome.PREVENTED if few else ForecastOutcome.CAME_THROUGH

"""Incidents as a store keeps them."""

import logging
from collections.abc import Iterable
from functools import cache
from typing import Final

from pydantic import TypeAdapter, ValidationError

from foreroute.core.incident import IncidentReport
from foreroute.core.incident_ports import KeptIncident

_log: Final = logging.getLogger("foreroute.control")


@cache
def _reports() -> TypeAdapter[IncidentReport]:
    return TypeAdapter(IncidentReport)


def kept(report: IncidentReport) -> KeptIncident:
    return KeptIncident(
        id=report.id,
        opened_at=report.opened_at,
        closed_at=report.phases.closed_at,
        body=_reports().dump_json(report),
    )


def read(found: Iterable[KeptIncident]) -> list[IncidentReport]:
    """One that another version has written is passed over, and said."""
    reports = []
    for one in found:
        try:
            reports.append(_reports().validate_json(one.body))
        except ValidationError as error:
            _log.warning("incident_unreadable", extra={"incident": one.id, "error": str(error)})
    return reports

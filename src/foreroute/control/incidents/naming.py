"""How incidents are called."""

import hashlib
from datetime import UTC, datetime

from foreroute.control.incidents.grouping import Place
from foreroute.core.ids import IncidentId


def name_of(place: Place, kind: str, at: float) -> IncidentId:
    """Follows from what happened alone, and says on which day."""
    digest = hashlib.sha256(f"{place.scope}|{place.name}|{kind}|{at:.3f}".encode()).hexdigest()
    return IncidentId(f"i{datetime.fromtimestamp(at, UTC):%Y%m%d}-{digest[:8]}")

"""Incidents in memory: what a real store must do is what these do."""

from collections.abc import Sequence

from foreroute.core.incident_ports import IncidentQuery, KeptIncident


class MemoryIncidents:
    def __init__(self) -> None:
        self._kept: dict[str, KeptIncident] = {}

    async def put(self, incidents: Sequence[KeptIncident]) -> None:
        self._kept |= {one.id: one for one in incidents}

    async def read(self, query: IncidentQuery) -> list[KeptIncident]:
        found = [one for one in self._kept.values() if _fits(one, query)]
        found.sort(key=lambda one: (one.opened_at, one.id), reverse=True)
        return found[: max(0, query.limit)]

    async def prune(self, before_at: float) -> int:
        old = [
            one.id for one in self._kept.values() if one.closed_at is not None and one.closed_at < before_at
        ]
        for name in old:
            del self._kept[name]
        return len(old)


def _fits(one: KeptIncident, query: IncidentQuery) -> bool:
    return (
        query.id in (None, one.id)
        and not (query.open_only and one.closed_at is not None)
        and query.since_at <= one.opened_at < query.until_at
    )

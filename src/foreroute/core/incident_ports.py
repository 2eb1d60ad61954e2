"""Where incidents are kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptIncident:
    """One incident as a store holds it: identified by its id; `body` is one JSON object."""

    id: str
    opened_at: float
    closed_at: float | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentQuery:
    """Which ones. All that is given must hold."""

    id: str | None = None
    open_only: bool = False
    since_at: float = 0.0
    """Opened at or after."""
    until_at: float = math.inf
    """Opened before."""
    limit: int = 1000


class IncidentStore(Protocol):
    async def put(self, incidents: Sequence[KeptIncident]) -> None:
        """All or none. One that is there already is replaced."""
        ...

    async def read(self, query: IncidentQuery) -> list[KeptIncident]:
        """The newest `limit`, by (opened_at, id), the newest first."""
        ...

    async def prune(self, before_at: float) -> int:
        """Forgets those that were closed before; open ones stay, however old. Returns how many."""
        ...


@runtime_checkable
class IncidentedStore(Protocol):
    """A store that keeps incidents, beside what every `Store` keeps."""

    @property
    def incidents(self) -> IncidentStore: ...

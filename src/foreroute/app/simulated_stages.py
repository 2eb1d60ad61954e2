"""Stand-ins for stages of which a simulation wants to hear nothing."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from foreroute.core.attempt import Attempt
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import LedgerEntry, Spend
from foreroute.core.ports import RollupStore
from foreroute.core.rollup import Rollup


class NoSpend:
    """A ledger of which nobody wants to know anything."""

    async def append(self, entries: Sequence[LedgerEntry]) -> None: ...

    async def spend(self, *, start_at: float, end_at: float) -> dict[ChannelId, Spend]:  # noqa: ARG002 - the port
        return {}

    async def request(self, request_id: str) -> list[LedgerEntry]:  # noqa: ARG002 - the port
        return []

    async def missing(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        return list(attempts)


def rollups_alone(
    store: RollupStore,
) -> Callable[[Sequence[LedgerEntry], Sequence[Rollup]], Awaitable[None]]:
    """The `append` of a store whose ledger nobody reads."""

    async def append(entries: Sequence[LedgerEntry], rollups: Sequence[Rollup]) -> None:  # noqa: ARG001 - the port
        await store.append(rollups)

    return append


class NoForecast:
    """A forecast stage that says nothing: what is left is the reactive policy of the same loop."""

    def warm(self, series: Sequence[Any]) -> None: ...

    def update(self, series: Sequence[Any]) -> dict[Any, Any]:  # noqa: ARG002 - the port
        return {}

    def skills(self, keys: Any) -> tuple[()]:  # noqa: ARG002 - the port
        return ()

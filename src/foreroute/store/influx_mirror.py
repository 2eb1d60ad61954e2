"""Rollups that are kept in SQLite and shown in another database as well: their numbers, by line protocol, one way."""

from asyncio import to_thread
from collections.abc import Sequence

from foreroute.core.ids import ChannelId
from foreroute.core.ports import KeptRollups
from foreroute.core.rollup import Rollup, Tiers
from foreroute.core.series import Metric, Samples
from foreroute.store.influx_http import InfluxServer
from foreroute.store.influx_outbox import Outbox
from foreroute.store.influx_shipper import Shipper
from foreroute.store.influx_wire import lines_of
from foreroute.store.spans import Span


class MirroredRollups(KeptRollups):
    """Answers as what it mirrors. The mirror is never read, and keeps what it is given as long as it likes."""

    def __init__(self, kept: KeptRollups, outbox: Outbox, server: InfluxServer, measurement: str) -> None:
        self._kept, self._outbox, self._server = kept, outbox, server
        self._measurement = f"{measurement}_minutes"
        self.shipper: Shipper | None = None
        """Set before anything else is done."""

    async def append(self, rollups: Sequence[Rollup]) -> None:
        await self._kept.append(rollups)
        await self._outbox.put(rollups)
        if self.shipper is not None and rollups:
            await self.shipper.told()

    async def send(self, rollups: Sequence[Rollup]) -> None:
        """Raises InfluxError."""
        spans = [Span(rollup) for rollup in rollups]
        await self._server.write(await to_thread(lines_of, self._measurement, spans, texts=False))

    async def probe(self) -> None:
        """Raises InfluxError while the server takes nothing."""
        await self._server.write("")

    async def read(
        self,
        *,
        start_at: float,
        end_at: float,
        channels: Sequence[ChannelId] | None = None,
        segment: str = "",
    ) -> list[Rollup]:
        return await self._kept.read(start_at=start_at, end_at=end_at, channels=channels, segment=segment)

    async def series(
        self, channel: ChannelId, metric: Metric, *, start_at: float, end_at: float, segment: str = ""
    ) -> Samples:
        return await self._kept.series(channel, metric, start_at=start_at, end_at=end_at, segment=segment)

    async def prune(self, before_at: float) -> int:
        return await self._kept.prune(before_at)

    async def thin(self, tiers: Tiers) -> int:
        return await self._kept.thin(tiers)

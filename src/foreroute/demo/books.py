"""Reads what the stores hold after a run."""

from collections.abc import Mapping, Sequence

from foreroute.app.control_plane import ControlPlane, open_store
from foreroute.app.data_plane import DataPlane
from foreroute.control.decision_log import ANOMALY, DECISION, INCIDENT
from foreroute.control.state import ForecastRecord
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import Spend
from foreroute.demo.client import Tally
from foreroute.demo.summary import Books
from foreroute.settings import Settings
from foreroute.simulate.traffic import Arrival, mean_input_tokens

_EVER = 1e12
_ALL = 1_000_000


async def close_books(
    settings: Settings,
    data: DataPlane,
    control: ControlPlane,
    tally: Tally,
    arrivals: Sequence[Arrival],
    *,
    seed: int,
    live_at: float,
) -> Books:
    store = await open_store(settings)
    try:
        spend: Mapping[ChannelId, Spend] = await store.ledger.spend(start_at=live_at, end_at=_EVER)
        return Books(
            seed=seed,
            live_at=live_at,
            tally=tally,
            gateway_attempts=data.gateway.attempts_total,
            rollups=await store.rollups.read(start_at=live_at, end_at=_EVER),
            spend=spend,
            decisions=await store.records.read(DECISION, limit=_ALL),
            incidents=await store.records.read(INCIDENT, limit=_ALL),
            anomalies=len(await store.records.read(ANOMALY, limit=_ALL)),
            ticks=control.loop.ticks if control.loop is not None else 0,
            record=control.stages.forecast_record() if control.stages is not None else ForecastRecord(),
            input_tokens=mean_input_tokens(arrivals),
        )
    finally:
        await store.close()

"""What a demo run came to: one JSON object, graded against the world's truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from foreroute import __version__
from foreroute.control.state import ForecastRecord
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import Spend
from foreroute.core.ports import Record
from foreroute.core.rollup import Rollup
from foreroute.demo.client import Tally
from foreroute.demo.scene import LIMIT_S
from foreroute.simulate.world import World

_OWN_CAUSES = frozenset(
    {"forecast", "slow", "failing", "remedy", "forecast_cleared", "recovered", "budget", "manual"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the stores and the gateway hold at the end, live traffic only."""

    seed: int
    live_at: float
    tally: Tally
    gateway_attempts: int
    rollups: Sequence[Rollup]
    spend: Mapping[ChannelId, Spend]
    decisions: Sequence[Record]
    incidents: Sequence[Record]
    anomalies: int
    ticks: int
    record: ForecastRecord
    input_tokens: int
    """Of a typical request: where on the curve the truth is read."""


def summarise(books: Books, world: World) -> dict[str, Any]:
    """`lost_attempts` is the largest difference between the gateway's count, the rollups and the ledger.

    `slo_crossed_at` is the minute in which the channel's true p95 exceeds the objective (the world knows it,
    the control loop does not), looked for from half an hour before the decision to an hour after it.
    """
    rolled = sum(rollup.attempts for rollup in books.rollups)
    booked = sum(spend.attempts for spend in books.spend.values())
    return {
        "requests": books.tally.requests,
        "client_failures": books.tally.failures,
        "lost_attempts": max(abs(books.gateway_attempts - rolled), abs(books.gateway_attempts - booked)),
        "attempts": {"gateway": books.gateway_attempts, "rollups": rolled, "ledger": booked},
        "ticks": books.ticks,
        "forecasts": books.record.made,
        "forecasts_graded": books.record.graded,
        "forecast_error": books.record.mean_absolute_error,
        "naive_error": books.record.naive_mean_absolute_error,
        "anomalies": books.anomalies,
        "decisions": [row for record in books.decisions for row in _moves(record, books, world)],
        "spend_usd": {channel: str(spend.cost_usd) for channel, spend in sorted(books.spend.items())},
        "incidents": [_incident(record) for record in books.incidents],
        "failures_seen": books.tally.first_failures,
        "seed": books.seed,
        "version": __version__,
    }


def _moves(record: Record, books: Books, world: World) -> list[dict[str, Any]]:
    """The channels that a decision was about; those that only took over are left out."""
    body = orjson.loads(record.body)
    return [
        {
            "at": record.at,
            "channel": change["channel"],
            "reason": change["code"],
            "detail": change["detail"],
            "slo_crossed_at": crossing(world, ChannelId(change["channel"]), record.at, books),
            "share_before": round(change["before"], 4),
            "share_after": round(change["after"], 4),
            "applied": body["applied"],
        }
        for change in body["changes"]
        if change["code"] in _OWN_CAUSES and change["cause_channel"] == change["channel"]
    ]


def crossing(world: World, channel: ChannelId, at: float, books: Books) -> float | None:
    return world.crossing_at(
        channel,
        LIMIT_S,
        start_at=max(books.live_at, at // 60 * 60 - 1800.0),
        end_at=at + 3600.0,
        input_tokens=books.input_tokens,
    )


def _incident(record: Record) -> dict[str, Any]:
    body = orjson.loads(record.body)
    return {
        "id": body["id"],
        "channel": body["channel"],
        "root_cause": body["root_cause"],
        "time_to_recover_s": body["time_to_recover_s"],
        "playbooks": body["playbooks"],
        "state": body["state"],
    }

"""The API of anomalies: what was strange, by episode. They are on record; nothing here decides."""

from collections.abc import Iterable
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.control.decision_log import ANOMALY
from foreroute.core.fields import BadField
from foreroute.dashboard.answers import Refusal, json_of
from foreroute.dashboard.asked import known_channel, known_metric
from foreroute.dashboard.durations import duration_s
from foreroute.dashboard.sources import Sources

Row = dict[str, Any]
_READ_MAX: Final = 20_000
"""Strange windows that are looked at: an hour of storm on three hundred channels."""
_EPISODES_MAX: Final = 1000
_SINCE: Final = "24h"


def anomaly_routes(sources: Sources) -> list[Route]:
    async def answer(request: Request) -> Response:
        asked = request.query_params
        channel, metric = asked.get("channel"), asked.get("metric")
        if metric is not None:
            known_metric(metric)
        board = sources.board()
        if channel is not None and board is not None:
            known_channel(board, channel)
        at = sources.clock.now()
        try:
            since_at = at - duration_s(asked.get("since", _SINCE), "since")
        except BadField as error:
            raise Refusal(400, error.message, error.hint) from None
        records = await sources.records.read(ANOMALY, since_at=since_at, limit=_READ_MAX)
        found = (orjson.loads(record.body) for record in records)
        wanted = (
            row for row in found if channel in (None, row["channel"]) and metric in (None, row["metric"])
        )
        body = {"at": at, "since_at": since_at, "episodes": episodes(wanted)[:_EPISODES_MAX]}
        return Response(json_of(body), media_type="application/json")

    return [Route("/api/anomalies", answer, methods=["GET"])]


def episodes(rows: Iterable[Row]) -> list[Row]:
    """Strange windows of one series that belong together, as one: the newest episode first.

    `at` is the newest strange window, `value`, `expected`, `score` and `kind` are those of the strangest one; `windows`
    counts them.
    """
    found: dict[tuple[str, str, float], Row] = {}
    for row in rows:
        since_at = row["at"] if row.get("since_at") is None else row["since_at"]
        key = row["channel"], row["metric"], since_at
        before = found.get(key)
        strangest = row if before is None or row["score"] > before["score"] else before
        found[key] = strangest | {
            "since_at": since_at,
            "at": max(row["at"], before["at"] if before else row["at"]),
            "windows": 1 + (before["windows"] if before else 0),
            "cause": row.get("cause") or (before or {}).get("cause", ""),
        }
    return sorted(found.values(), key=lambda row: (-row["at"], row["channel"], row["metric"]))

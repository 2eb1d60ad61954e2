"""The dashboard's application: the page, the JSON API behind it, and the live stream."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from foreroute.control.decision_log import ANOMALY, DECISION, INCIDENT
from foreroute.control.rollout import RolloutRefusedError
from foreroute.control.state import Board
from foreroute.core.decision import Autopilot
from foreroute.core.ids import ChannelId
from foreroute.core.incident import Origin
from foreroute.core.ledger import LedgerEntry
from foreroute.dashboard.answers import Refusal, body_of, json_of, refused
from foreroute.dashboard.asked import known_channel, known_metric
from foreroute.dashboard.charts import SHOWN_S, channel_of, sparks_of
from foreroute.dashboard.forecasts import forecasts_of, short_forecasts
from foreroute.dashboard.incident_rows import brief_row
from foreroute.dashboard.money import spend_of
from foreroute.dashboard.moves import with_moves
from foreroute.dashboard.sources import Sources
from foreroute.dashboard.status import Row, status_of
from foreroute.dashboard.ticker import READERS_MAX, Ticker

_STATIC: Final = Path(__file__).parent / "static"
_INCIDENTS: Final = 20
_RECORDS_MAX: Final = 500


class Dashboard:
    """`advance` after each tick; `app` answers. `more` are routes that stand on their own."""

    def __init__(self, sources: Sources, *, more: Sequence[BaseRoute] = ()) -> None:
        self._sources = sources
        self._ticker = Ticker()
        self._rendered: tuple[Board, bytes] | None = None
        get, post = self._get, self._post
        self.app = Starlette(
            routes=[
                get("/api/status", self._status),
                get("/api/sparks", self._sparks),
                get("/api/channels/{channel}", self._channel),
                get("/api/forecasts", self._forecasts),
                get("/api/decisions", self._decisions),
                get("/api/spend", self._spend),
                get("/api/requests/{request_id:path}", self._request),
                Route("/api/stream", self._stream, methods=["GET"]),
                post("/api/autopilot", self._autopilot),
                post("/api/kill-switch", self._kill_switch),
                post("/api/undo", self._undo),
                *more,
                Mount("/", StaticFiles(directory=_STATIC, html=True)),
            ],
            exception_handlers={HTTPException: refused},
        )

    def advance(self, _board: Board) -> None:
        self._ticker.advance()

    # What is read -----------------------------------------------------------------------------------------------

    async def _status(self, _request: Request) -> Row:
        return status_of(self._board(), self._sources, await self._incidents())

    async def _sparks(self, _request: Request) -> Row:
        return sparks_of(self._board())

    async def _channel(self, request: Request) -> Row:
        board = self._board()
        channel = known_channel(board, request.path_params["channel"])
        since_at = board.at - SHOWN_S
        recent = await self._read(DECISION, since_at=since_at, limit=_RECORDS_MAX)
        about = [row for row in recent if _is_about(row, channel)]
        decisions = await with_moves(about, self._sources.records)
        anomalies = await self._read(ANOMALY, since_at=since_at, limit=_RECORDS_MAX)
        mine = [row for row in anomalies if row["channel"] == channel]
        return channel_of(board, self._sources, channel, decisions=decisions, anomalies=mine)

    async def _forecasts(self, request: Request) -> Row:
        board = self._board()
        channel, metric = request.query_params.get("channel"), request.query_params.get("metric")
        if channel is not None:
            known_channel(board, channel)
        asked = None if metric is None else known_metric(metric)
        if channel is None:
            return short_forecasts(board, self._sources, asked)
        return forecasts_of(board, self._sources, ChannelId(channel), asked)

    async def _decisions(self, request: Request) -> Row:
        limit = _limit(request.query_params.get("limit", "50"))
        return {"decisions": await with_moves(await self._read(DECISION, limit=limit), self._sources.records)}

    async def _spend(self, _request: Request) -> Row:
        return await spend_of(self._sources, self._board().at)

    async def _request(self, request: Request) -> Row:
        name = request.path_params["request_id"]
        entries = await self._sources.ledger.request(name)
        if not entries:
            hint = "it is the x-request-id of an answer; attempts are on record from the next tick on"
            raise Refusal(404, f"no attempt of request {name!r} is on record", hint)
        plans = {entry.attempt.plan_version for entry in entries}
        decisions = await self._read(DECISION, limit=_RECORDS_MAX)
        behind = [row for row in decisions if row["applied"] and row["plan_version"] <= max(plans)]
        return {
            "request_id": name,
            "attempts": [_attempt(entry) for entry in entries],
            "decision": (await with_moves(behind[:1], self._sources.records))[0] if behind else None,
        }

    async def _stream(self, _request: Request) -> Response:
        if self._ticker.readers >= READERS_MAX:
            raise Refusal(503, f"{READERS_MAX} pages are open already", "close one of them")
        return StreamingResponse(self._ticker.events(self._frame), media_type="text/event-stream")

    async def _frame(self) -> bytes | None:
        """The same bytes for every reader of one board."""
        board = self._sources.board()
        if board is None:
            return None
        if self._rendered is None or self._rendered[0] is not board:
            status = status_of(board, self._sources, await self._incidents())
            self._rendered = board, json_of({"status": status, "sparks": sparks_of(board)})
        return self._rendered[1]

    # What is changed --------------------------------------------------------------------------------------------

    async def _autopilot(self, body: Row) -> Row:
        try:
            mode = Autopilot(body["mode"])
        except (KeyError, ValueError):
            raise Refusal(400, "mode must be observe, suggest or act", 'send {"mode": "observe"}') from None
        force, why = body.get("force") is True, str(body.get("reason") or "")
        try:
            await self._sources.controls.set_autopilot(mode, force=force, why=why)
        except RolloutRefusedError as error:
            raise Refusal(409, str(error), error.hint) from None
        return {"autopilot": mode.value}

    async def _kill_switch(self, body: Row) -> Row:
        on = body.get("on")
        if not isinstance(on, bool):
            raise Refusal(400, "on must be true or false", 'send {"on": true}')
        await self._sources.controls.kill_switch(on=on)
        return {"kill_switch": on}

    async def _undo(self, _body: Row) -> Row:
        return {"undone": await self._sources.controls.undo()}

    # How --------------------------------------------------------------------------------------------------------

    def _board(self) -> Board:
        board = self._sources.board()
        if board is None:
            raise Refusal(503, "the control loop is not ready yet", "ask again in a moment")
        return board

    async def _read(self, kind: str, *, since_at: float = 0.0, limit: int) -> list[Row]:
        """Records, newest first."""
        records = await self._sources.records.read(kind, since_at=since_at, limit=limit)
        return [orjson.loads(record.body) for record in reversed(records)]

    async def _incidents(self) -> list[Row]:
        desk = self._sources.incidents
        if desk is not None:
            newest = await desk.newest(2 * _INCIDENTS)
            seen = [one for one in newest if one.origin is Origin.OBSERVED and one.merged_into is None]
            return [brief_row(one) for one in seen[:_INCIDENTS]]
        return await self._read(INCIDENT, limit=_INCIDENTS)

    def _get(self, path: str, answer: Callable[[Request], Awaitable[Row]]) -> Route:
        async def handle(request: Request) -> Response:
            return Response(json_of(await answer(request)), media_type="application/json")

        return Route(path, handle, methods=["GET"])

    def _post(self, path: str, change: Callable[[Row], Awaitable[Row]]) -> Route:
        async def handle(request: Request) -> Response:
            answer = await change(await body_of(request))
            self._rendered = None
            self._ticker.advance()
            return Response(json_of(answer), media_type="application/json")

        return Route(path, handle, methods=["POST"])


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= _RECORDS_MAX:
        raise Refusal(400, f"limit must be a number from 1 to {_RECORDS_MAX}", "for example: ?limit=50")
    return int(text)


def _is_about(decision: Row, channel: ChannelId) -> bool:
    return any(change["channel"] == channel for change in decision["changes"])


def _attempt(entry: LedgerEntry) -> Row:
    attempt = entry.attempt
    return {
        "number": attempt.number,
        "channel": attempt.channel,
        "route": attempt.route,
        "reason": attempt.reason.value,
        "outcome": attempt.outcome.value,
        "failure_class": attempt.failure_class,
        "phase": attempt.phase.value,
        "status": attempt.status,
        "error": attempt.error,
        "started_at": attempt.started_at,
        "duration_s": attempt.duration_s,
        "time_to_first_chunk_s": attempt.time_to_first_chunk_s,
        "input_tokens": attempt.usage.input_tokens
        + attempt.usage.cached_input_tokens
        + attempt.usage.cache_write_tokens,
        "output_tokens": attempt.usage.output_tokens,
        "cost_usd": None if entry.cost_usd is None else str(entry.cost_usd),
        "price_source": entry.price_source,
        "plan_version": attempt.plan_version,
        "rule": attempt.rule.value,
        "candidates": [
            {
                "channel": one.channel,
                "standing": one.standing,
                "share": one.share,
                "slowdown": one.slowdown,
                "in_flight": one.in_flight,
            }
            for one in attempt.candidates
        ],
    }

"""The API of incidents: what happened, how it went, what was done, and what people add to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.routing import Route

from foreroute.control.incidents.desk import IncidentDesk
from foreroute.control.playbooks.desk import PlaybookDesk
from foreroute.control.state import Board
from foreroute.core.fields import Fields, text
from foreroute.core.incident import IncidentReport
from foreroute.core.ports import Clock, RollupStore
from foreroute.dashboard.alerts import answering
from foreroute.dashboard.answers import Refusal
from foreroute.dashboard.incident_course import course_of
from foreroute.dashboard.incident_rows import full_row, short_row, summary_row, undo_rows
from foreroute.dashboard.incident_runs import run_rows

Row = dict[str, Any]
_NAME: Final = text(longest=80, empty=True)
_NOTE: Final = text(longest=1000)
_LIMIT_MAX: Final = 500
_STATES: Final = ("all", "open")
_WITHIN_S: Final = 30 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSources:
    desk: IncidentDesk
    rollups: RollupStore
    board: Callable[[], Board | None]
    clock: Clock
    playbooks: PlaybookDesk | None = None


def incident_routes(sources: IncidentSources) -> list[Route]:
    api = _IncidentApi(sources)
    return [
        answering("GET", "/api/incidents", api.incidents),
        answering("GET", "/api/incidents/{id}", api.incident),
        answering("POST", "/api/incidents/{id}/notes", api.note, 201),
        answering("POST", "/api/incidents/{id}/close", api.close),
    ]


class _IncidentApi:
    def __init__(self, sources: IncidentSources) -> None:
        self._sources = sources

    async def incidents(self, request: Request, _body: Row) -> Row:
        """The newest first. `?state=open` for those alone, `?limit=` for more or fewer than fifty."""
        state = request.query_params.get("state", "all")
        if state not in _STATES:
            raise Refusal(400, f"there is no state {state[:40]!r}", f"known: {', '.join(_STATES)}")
        limit = _limit(request.query_params.get("limit", "50"))
        at = self._sources.clock.now()
        found = await self._sources.desk.newest(_LIMIT_MAX)
        shown = [one for one in found if one.is_open or state == "all"]
        return {
            "at": at,
            "summary": summary_row(found, at, _WITHIN_S),
            "incidents": [short_row(one) for one in shown[:limit]],
        }

    async def incident(self, request: Request, _body: Row) -> Row:
        return await self._shown(await self._known(request.path_params["id"]))

    async def note(self, request: Request, body: Row) -> Row:
        """`{"text": "the provider has confirmed it", "by": "ann"}`."""
        fields = Fields(body)
        said, by = fields.take("text", _NOTE), fields.take("by", _NAME, "")
        fields.end()
        report = await self._known(request.path_params["id"])
        try:
            noted = await self._sources.desk.note(report.id, said, by)
        except ValueError as error:
            raise Refusal(409, str(error)) from None
        return await self._shown(noted)

    async def close(self, request: Request, body: Row) -> Row:
        """`{"by": "ann"}`. What is closed already stays as it is."""
        fields = Fields(body)
        by = fields.take("by", _NAME, "")
        fields.end()
        report = await self._known(request.path_params["id"])
        return await self._shown(await self._sources.desk.close(report.id, by))

    async def _known(self, name: str) -> IncidentReport:
        try:
            return await self._sources.desk.one(name)
        except KeyError:
            raise Refusal(
                404, f"there is no incident {name[:60]!r}", "`foreroute incidents` lists them"
            ) from None

    async def _shown(self, report: IncidentReport) -> Row:
        board, at = self._sources.board(), self._sources.clock.now()
        course = None
        if board is not None:
            course = await course_of(report, board.configured, board.objectives, self._sources.rollups, at)
        return {
            "at": at,
            "incident": full_row(report),
            "runs": await run_rows(self._sources.playbooks, report, at),
            "course": course,
            "undo": undo_rows(report, board),
        }


def _limit(given: str) -> int:
    if not given.isascii() or not given.isdecimal() or not 1 <= int(given[:9]) <= _LIMIT_MAX:
        raise Refusal(400, f"limit must be a number from 1 to {_LIMIT_MAX}", "for example: ?limit=50")
    return int(given)

"""Playbooks in the API: what they are, what they have done, and the yes or no that a run waits for."""

from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.control.playbooks.codec import run_row
from foreroute.control.playbooks.desk import PlaybookDesk
from foreroute.control.rollout import RolloutRefusedError
from foreroute.core.errors import StoreError
from foreroute.core.playbook_run import RunState
from foreroute.dashboard.answers import Refusal, body_of, json_of
from foreroute.heal.playbooks.playbook import Playbook
from foreroute.heal.playbooks.view import playbook_row

Row = dict[str, Any]
_T = TypeVar("_T")
_RUNS_MAX: Final = 500
_WORDS_MAX: Final = 200


def playbook_routes(desk: PlaybookDesk | None) -> list[Route]:
    """None where no playbooks run."""
    if desk is None:
        return []
    api = _PlaybookApi(desk)
    return [
        Route("/api/playbooks", api.playbooks, methods=["GET"]),
        Route("/api/playbooks/{playbook}/run", api.begin, methods=["POST"]),
        Route("/api/playbook-runs", api.runs, methods=["GET"]),
        Route("/api/playbook-runs/{run}", api.one, methods=["GET"]),
        Route("/api/playbook-runs/{run}", api.answer, methods=["POST"]),
    ]


class _PlaybookApi:
    def __init__(self, desk: PlaybookDesk) -> None:
        self._desk = desk

    async def playbooks(self, _: Request) -> Response:
        runs = self._desk.runs
        rows = []
        for playbook in self._desk.book.playbooks.values():
            own = [run for run in runs if run.playbook == playbook.name]
            newest = run_row(own[-1]) if own else None
            rows.append(playbook_row(playbook) | {"runs": len(own), "newest": newest})
        return _answer({"playbooks": rows, "scopes": self._desk.scopes()})

    async def begin(self, request: Request) -> Response:
        body = await body_of(request)
        name, scope = self._known(request.path_params["playbook"]), body.get("scope")
        dry_run = body.get("dry_run", False)
        if not isinstance(scope, str) or not isinstance(dry_run, bool):
            hint = 'send {"scope": "channel:NAME", "dry_run": true}'
            raise Refusal(400, "scope must be a text, and dry_run true or false", hint)
        actor, why = _text(body, "actor", "an operator"), _text(body, "reason", "")
        run = await _allowed(self._desk.begin(name.name, scope, actor, dry_run=dry_run, why=why))
        return _answer({"run": run_row(run)})

    async def runs(self, request: Request) -> Response:
        asked = request.query_params
        limit, state = asked.get("limit", "50"), asked.get("state")
        if not limit.isdecimal() or not 1 <= int(limit[:9]) <= _RUNS_MAX:
            raise Refusal(400, f"limit must be a number from 1 to {_RUNS_MAX}", "for example: ?limit=50")
        if state is not None and state not in set(RunState):
            raise Refusal(400, f"there is no state {state[:40]!r}", f"one of: {', '.join(RunState)}")
        playbook = asked.get("playbook")
        if playbook is not None:
            self._known(playbook)
        found = await _allowed(self._desk.history(playbook=playbook, limit=int(limit)))
        return _answer({"runs": [run_row(run) for run in found if state in (None, run.state.value)]})

    async def one(self, request: Request) -> Response:
        name = request.path_params["run"]
        found = await _allowed(self._desk.history(limit=_RUNS_MAX))
        run = next((one for one in found if one.id == name), None)
        if run is None:
            raise Refusal(
                404, f"there is no run {name[:40]!r} on record", "GET /api/playbook-runs lists them"
            )
        return _answer({"run": run_row(run)})

    async def answer(self, request: Request) -> Response:
        body = await body_of(request)
        name, said = request.path_params["run"], body.get("answer")
        actor, why = _text(body, "actor", "an operator"), _text(body, "reason", "")
        match said:
            case "approve":
                run = await _allowed(self._desk.approve(name, actor))
            case "reject" | "undo":
                run = await _allowed(self._desk.reject(name, actor, why))
            case _:
                raise Refusal(400, "answer must be approve, reject or undo", 'send {"answer": "approve"}')
        return _answer({"run": run_row(run)})

    def _known(self, name: str) -> Playbook:
        known = self._desk.book.playbooks
        if name not in known:
            raise Refusal(404, f"there is no playbook {name[:60]!r}", f"one of: {', '.join(sorted(known))}")
        return known[name]


async def _allowed(work: Awaitable[_T]) -> _T:
    """The desk's refusal as the API's."""
    try:
        return await work
    except RolloutRefusedError as error:
        raise Refusal(409, str(error), error.hint) from None
    except StoreError as error:
        raise Refusal(503, f"nothing was done: {error}", "try again when the store answers") from None


def _text(body: Row, name: str, default: str) -> str:
    value = body.get(name) or default
    if not isinstance(value, str) or len(value) > _WORDS_MAX or not value.isprintable():
        raise Refusal(400, f"{name} must be one line of text", f"at most {_WORDS_MAX} characters")
    return value


def _answer(row: Row) -> Response:
    return Response(json_of(row), media_type="application/json")

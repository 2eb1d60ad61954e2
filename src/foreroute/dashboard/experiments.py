"""The API of experiments: what is defined, what runs, what was found, and what an operator does about it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.control.experiments.book import Book
from foreroute.control.experiments.desk import ExperimentDesk
from foreroute.control.experiments.operator import Operator
from foreroute.control.experiments.refusal import Refused
from foreroute.control.experiments.scoring import Scoring
from foreroute.core.errors import StoreError
from foreroute.core.fields import BadField, Fields, flag, text
from foreroute.core.ports import Clock
from foreroute.dashboard.answers import Refusal, body_of, json_of
from foreroute.dashboard.experiment_rows import (
    definition_row,
    run_row,
    score_row,
    short_row,
    size_row,
)
from foreroute.experiment.definition import Definition
from foreroute.experiment.runs import Run

Row = dict[str, Any]
Answer = Callable[[Request, Row], Awaitable[Row]]
_ARM: Final = text(longest=40)
_REQUEST: Final = text(longest=300)
_SCORES_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSources:
    book: Book
    desk: ExperimentDesk
    operator: Operator
    scoring: Scoring
    read: Callable[[Row], Definition]
    """What was sent to a definition. Raises BadField."""
    clock: Clock


def experiment_routes(sources: ExperimentSources) -> list[Route]:
    api = _ExperimentApi(sources)
    return [
        _route("GET", "/api/experiments", api.experiments),
        _route("POST", "/api/experiments", api.define, 201),
        _route("GET", "/api/experiments/{id}", api.experiment),
        _route("GET", "/api/experiments/{id}/size", api.size),
        _route("POST", "/api/experiments/{id}/start", api.start, 201),
        _route("POST", "/api/experiments/{id}/stop", api.stop),
        _route("POST", "/api/experiments/{id}/promote", api.promote),
        _route("POST", "/api/experiments/{id}/revert", api.revert),
        _route("POST", "/api/experiments/{id}/scores", api.scores),
    ]


class _ExperimentApi:
    def __init__(self, sources: ExperimentSources) -> None:
        self._sources = sources

    async def experiments(self, _request: Request, _body: Row) -> Row:
        """Everything that is defined, and every run that there was, the newest first."""
        book, desk, at = self._sources.book, self._sources.desk, self._sources.clock.now()
        newest_first = sorted(book.runs.values(), key=lambda run: -run.started_at)
        return {
            "at": at,
            "defined": [
                definition_row(one) | {"of_file": book.is_of_file(one.id)}
                for one in book.definitions.values()
            ],
            "runs": [short_row(run, await desk.analysis(run, at), at) for run in newest_first],
        }

    async def experiment(self, request: Request, _body: Row) -> Row:
        """A run by its name, or an experiment's newest; of one that has not run, its definition."""
        book, name = self._sources.book, request.path_params["id"]
        if name in book.definitions and book.newest(name) is None:
            definition = book.definition(name)
            size = await self._sources.operator.size(definition)
            return {
                "at": self._sources.clock.now(),
                "definition": definition_row(definition),
                "size": size_row(size),
                "run": None,
            }
        return await self._shown(book.run(name))

    async def size(self, request: Request, _body: Row) -> Row:
        definition = self._sources.book.definition(request.path_params["id"])
        size = await self._sources.operator.size(definition)
        return {"definition": definition_row(definition), "size": size_row(size)}

    async def define(self, _request: Request, body: Row) -> Row:
        """The same form as in the configuration file."""
        definition = self._sources.read(body)
        await self._sources.operator.define(definition)
        return {"definition": definition_row(definition)}

    async def start(self, request: Request, body: Row) -> Row:
        Fields(body).end()
        return await self._shown(await self._sources.operator.begin(request.path_params["id"]))

    async def stop(self, request: Request, body: Row) -> Row:
        Fields(body).end()
        return await self._shown(await self._sources.operator.stop(request.path_params["id"]))

    async def promote(self, request: Request, body: Row) -> Row:
        """`{"arm": "eu"}`; without one, the arm that was found to be better. `force` promotes any."""
        fields = Fields(body)
        arm, force = fields.take("arm", _ARM, None), fields.take("force", flag, False)
        fields.end()
        run = await self._sources.operator.promote(request.path_params["id"], arm, force=force)
        return await self._shown(run)

    async def revert(self, request: Request, body: Row) -> Row:
        Fields(body).end()
        return await self._shown(await self._sources.operator.revert(request.path_params["id"]))

    async def scores(self, request: Request, body: Row) -> Row:
        """`{"request_id": "req_…", "score": 0.8}`, or several as `scores`. Each is answered for itself."""
        name = request.path_params["id"]
        several = "scores" in body
        sent = body["scores"] if several else [body]
        if not isinstance(sent, list) or not 1 <= len(sent) <= _SCORES_MAX:
            raise Refusal(
                400, f"scores must be a list of 1 to {_SCORES_MAX}", "each with request_id and score"
            )
        if not several:
            return await self._score(name, body, "")
        return {"scores": [await self._try_score(name, one, f"scores[{n}]") for n, one in enumerate(sent)]}

    async def _try_score(self, name: str, sent: Any, where: str) -> Row:
        """One that is refused does not keep the others out."""
        try:
            return await self._score(name, sent, where)
        except Refused as refused:
            return {"error": {"message": refused.message, "hint": refused.hint}}

    async def _score(self, name: str, sent: Any, where: str) -> Row:
        fields = Fields(sent, where)
        request_id, score = fields.take("request_id", _REQUEST), fields.take("score", _number)
        fields.end()
        kept, is_new = await self._sources.scoring.score(name, request_id, score)
        return score_row(kept, is_new=is_new)

    async def _shown(self, run: Run) -> Row:
        at, desk = self._sources.clock.now(), self._sources.desk
        analysis = await desk.analysis(run, at)
        tally = await desk.tally(run)
        return run_row(run, analysis, tally, await desk.points(run.id), at)


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadField(where, "must be a number", "for example: 0.8")
    return float(value)


def _route(method: str, path: str, answer: Answer, status: int = 200) -> Route:
    async def handle(request: Request) -> Response:
        try:
            body = await body_of(request) if method == "POST" else {}
            return Response(json_of(await answer(request, body)), status, media_type="application/json")
        except Refused as refused:
            raise Refusal(refused.status, refused.message, refused.hint) from None
        except BadField as error:
            raise Refusal(400, str(error), error.hint) from None
        except StoreError as error:
            raise Refusal(503, str(error), "nothing is wrong with what was sent") from None

    return Route(path, handle, methods=[method])

"""How far each capability may go: what it has shown, and the levers that move it."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.control.rollout import CapabilityView, RolloutRefusedError
from foreroute.control.state import Board
from foreroute.control.suggestions import Suggestion
from foreroute.core.decision import Autopilot, Capability
from foreroute.dashboard.answers import Refusal, body_of, json_of

Row = dict[str, Any]

_T = TypeVar("_T")


class RolloutControls(Protocol):
    """Each takes effect at once and is on record. Raises RolloutRefusedError."""

    async def raise_stage(
        self, capability: Capability, *, force: bool = False, why: str = ""
    ) -> Autopilot: ...

    async def lower_stage(self, capability: Capability, *, why: str = "") -> Autopilot: ...

    async def approve(self, name: str) -> None: ...

    async def dismiss(self, name: str) -> None: ...


def rollout_row(board: Board) -> Row:
    return {
        "capabilities": [_capability(one) for one in board.rollout],
        "suggestions": [_suggestion(one) for one in board.suggestions],
    }


def _capability(one: CapabilityView) -> Row:
    return {
        "capability": one.capability.value,
        "stage": one.stage.value,
        "granted": one.granted.value,
        "exists": one.exists,
        "since_at": one.since_at,
        "next": None if one.next is None else one.next.value,
        "missing": list(one.missing),
        "graded": one.tally.graded,
        "waiting": one.tally.waiting,
        "grades": {grade.value: count for grade, count in one.tally.counts.items()},
    }


def _suggestion(one: Suggestion) -> Row:
    return {
        "id": one.id,
        "capability": one.capability.value,
        "route": one.route,
        "channel": one.channel,
        "code": one.code.value,
        "detail": one.detail,
        "at": one.at,
        "expires_at": one.expires_at,
        "before": dict(one.before),
        "after": dict(one.after),
    }


def rollout_routes(board: Callable[[], Board | None], controls: RolloutControls) -> list[Route]:
    async def show(_: Request) -> Response:
        return _answer(rollout_row(_ready(board())))

    async def move(request: Request) -> Response:
        body = await body_of(request)
        capability, force, why = _capability_of(body), _flag(body), str(body.get("reason") or "")
        match body.get("move"):
            case "raise":
                stage = await _allowed(controls.raise_stage(capability, force=force, why=why))
            case "lower":
                stage = await _allowed(controls.lower_stage(capability, why=why))
            case _:
                hint = 'send {"capability": "routing", "move": "raise"}'
                raise Refusal(400, "move must be raise or lower", hint)
        return _answer({"capability": capability.value, "stage": stage.value})

    async def answer(request: Request) -> Response:
        name, said = request.path_params["suggestion"], (await body_of(request)).get("answer")
        if said not in ("approve", "dismiss"):
            raise Refusal(400, "answer must be approve or dismiss", 'send {"answer": "approve"}')
        await _allowed(controls.approve(name) if said == "approve" else controls.dismiss(name))
        return _answer({"suggestion": name, "answer": said})

    return [
        Route("/api/rollout", show, methods=["GET"]),
        Route("/api/rollout", move, methods=["POST"]),
        Route("/api/suggestions/{suggestion}", answer, methods=["POST"]),
    ]


async def _allowed(work: Awaitable[_T]) -> _T:
    """The loop's refusal as the API's."""
    try:
        return await work
    except RolloutRefusedError as error:
        raise Refusal(409, str(error), error.hint) from None


def _ready(board: Board | None) -> Board:
    if board is None:
        raise Refusal(503, "the control loop is not ready yet", "ask again in a moment")
    return board


def _capability_of(body: Row) -> Capability:
    try:
        return Capability(body["capability"])
    except (KeyError, ValueError):
        known = ", ".join(Capability)
        raise Refusal(400, f"there is no capability {body.get('capability')!r}", f"known: {known}") from None


def _flag(body: Row) -> bool:
    force = body.get("force", False)
    if not isinstance(force, bool):
        raise Refusal(400, "force must be true or false")
    return force


def _answer(row: Row) -> Response:
    return Response(json_of(row), media_type="application/json")

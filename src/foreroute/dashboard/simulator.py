"""The API of the simulator: choose a story, watch it at any speed, and put faults into it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.core.errors import ForerouteError
from foreroute.dashboard.answers import Refusal, body_of, json_of

Row = dict[str, Any]


class SimulatorDesk(Protocol):
    """What can be done with the simulator. Every method raises ForerouteError with a sentence for a person."""

    def catalog(self) -> Sequence[Row]: ...

    def speeds(self) -> Sequence[float]: ...

    def start(self, wanted: Row) -> None: ...

    def pace(self, wanted: Row) -> None: ...

    def inject(self, event: Row) -> None: ...

    def state(self) -> tuple[bool, bytes | None, str]: ...

    def stop(self) -> None: ...


_EMPTY: Final = b"null"


def simulator_routes(desk: SimulatorDesk) -> list[Route]:
    async def state(_request: Request) -> Response:
        is_running, newest, problem = desk.state()
        about = {
            "scenarios": await asyncio.to_thread(desk.catalog),
            "speeds": desk.speeds(),
            "running": is_running,
            "problem": problem,
        }
        run = newest if is_running and newest is not None else _EMPTY
        return Response(json_of({**about, "run": orjson.Fragment(run)}), media_type="application/json")

    def post(path: str, act: Callable[[Row], None]) -> Route:
        async def answer(request: Request) -> Response:
            body = await body_of(request)
            try:
                await asyncio.to_thread(act, body)  # the control loop does not wait for a process to end
            except ForerouteError as error:
                raise Refusal(
                    400, getattr(error, "message", str(error)), getattr(error, "hint", "")
                ) from None
            return Response(json_of({"ok": True}), media_type="application/json")

        return Route(path, answer, methods=["POST"])

    return [
        Route("/api/simulator", state, methods=["GET"]),
        post("/api/simulator/start", desk.start),
        post("/api/simulator/pace", desk.pace),
        post("/api/simulator/inject", desk.inject),
        post("/api/simulator/stop", lambda _: desk.stop()),
    ]

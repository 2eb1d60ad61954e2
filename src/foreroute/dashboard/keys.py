"""The API of virtual keys and teams. `key_aliases` has the same under the names that other tools know."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.core.errors import StoreError
from foreroute.core.fields import BadField
from foreroute.core.keys import Team, VirtualKey
from foreroute.dashboard.answers import Refusal, body_of, json_of
from foreroute.dashboard.key_aliases import KeyAliases
from foreroute.dashboard.key_desk import KeyDesk, KeySources, known_key, known_team
from foreroute.dashboard.key_rows import key_row, spends_at, team_row

Row = dict[str, Any]
Answer = Callable[[Request, Row], Awaitable[Row]]


def key_routes(sources: KeySources) -> list[Route]:
    """All routes of keys and teams, for one dashboard. The door must guard `/api/` and `/key/`."""
    desk = KeyDesk(sources)
    api, aliases = _KeyApi(desk, sources), KeyAliases(desk, sources)
    return [
        _route("GET", "/api/keys", api.keys),
        _route("POST", "/api/keys", api.create, 201),
        _route("GET", "/api/keys/{id}", api.key),
        _route("PATCH", "/api/keys/{id}", api.update),
        _route("DELETE", "/api/keys/{id}", api.delete),
        _route("POST", "/api/keys/{id}/rotate", api.rotate),
        _route("GET", "/api/teams", api.teams),
        _route("POST", "/api/teams", api.create_team, 201),
        _route("GET", "/api/teams/{id}", api.team),
        _route("PATCH", "/api/teams/{id}", api.update_team),
        _route("DELETE", "/api/teams/{id}", api.delete_team),
        _route("POST", "/key/generate", aliases.generate),
        _route("GET", "/key/info", aliases.info),
        _route("POST", "/key/update", aliases.update),
        _route("POST", "/key/delete", aliases.delete),
    ]


class _KeyApi:
    def __init__(self, desk: KeyDesk, sources: KeySources) -> None:
        self._desk, self._sources = desk, sources

    async def keys(self, request: Request, _body: Row) -> Row:
        """Those that are not deleted; `?deleted=true` adds the others."""
        every = request.query_params.get("deleted") == "true"
        book, at = await self._desk.book(), self._sources.clock.now()
        spends = await spends_at(self._sources.spend, at)
        return {"keys": [key_row(key, spends, at) for key in book.keys if every or key.deleted_at is None]}

    async def key(self, request: Request, _body: Row) -> Row:
        return await self._shown(known_key(await self._desk.book(), request.path_params["id"]))

    async def create(self, _request: Request, body: Row) -> Row:
        plaintext, key = await self._desk.create(body)
        return {"key": plaintext} | await self._shown(key)

    async def update(self, request: Request, body: Row) -> Row:
        return await self._shown(await self._desk.update(request.path_params["id"], body))

    async def rotate(self, request: Request, _body: Row) -> Row:
        plaintext, key = await self._desk.rotate(request.path_params["id"])
        return {"key": plaintext} | await self._shown(key)

    async def delete(self, request: Request, _body: Row) -> Row:
        return {"deleted": await self._desk.delete([request.path_params["id"]])}

    async def teams(self, request: Request, _body: Row) -> Row:
        every = request.query_params.get("deleted") == "true"
        book, at = await self._desk.book(), self._sources.clock.now()
        spends = await spends_at(self._sources.spend, at)
        shown = [team for team in book.teams if every or team.deleted_at is None]
        return {"teams": [team_row(team, book, spends, at) for team in shown]}

    async def team(self, request: Request, _body: Row) -> Row:
        return await self._shown_team(known_team(await self._desk.book(), request.path_params["id"]))

    async def create_team(self, _request: Request, body: Row) -> Row:
        return await self._shown_team(await self._desk.create_team(body))

    async def update_team(self, request: Request, body: Row) -> Row:
        return await self._shown_team(await self._desk.update_team(request.path_params["id"], body))

    async def delete_team(self, request: Request, _body: Row) -> Row:
        return {"deleted": [(await self._desk.delete_team(request.path_params["id"])).id]}

    async def _shown(self, key: VirtualKey) -> Row:
        at = self._sources.clock.now()
        return key_row(key, await spends_at(self._sources.spend, at), at)

    async def _shown_team(self, team: Team) -> Row:
        at = self._sources.clock.now()
        return team_row(team, await self._desk.book(), await spends_at(self._sources.spend, at), at)


def _route(method: str, path: str, answer: Answer, status: int = 200) -> Route:
    async def handle(request: Request) -> Response:
        try:
            body = await body_of(request) if method in ("POST", "PATCH") else {}
            return Response(json_of(await answer(request, body)), status, media_type="application/json")
        except BadField as error:
            raise Refusal(400, str(error), error.hint) from None
        except StoreError as error:
            raise Refusal(503, str(error), "nothing is wrong with what was sent") from None

    return Route(path, handle, methods=[method])

"""`/key/generate`, `/key/info`, `/key/update` and `/key/delete`, with the field names that LiteLLM gave them.

What can be said in our own words is; what cannot is refused by name rather than dropped, for a limit that somebody
believes in and that is not there costs money.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from starlette.requests import Request

from foreroute.core.fields import BadField, Fields, several, text, usd
from foreroute.core.keys import Budget, KeyBook, VirtualKey
from foreroute.core.windows import Window
from foreroute.dashboard.answers import Refusal
from foreroute.dashboard.durations import duration_s
from foreroute.dashboard.key_desk import KeyDesk, KeySources, known_key
from foreroute.dashboard.key_rows import spends_at
from foreroute.gateway.keyring import PREFIX, id_of

Row = dict[str, Any]
_LIMITS: Final = {
    "rpm_limit": "requests_per_minute",
    "tpm_limit": "tokens_per_minute",
    "max_parallel_requests": "parallel_max",
}
_PLAIN: Final = {"key_alias": "name", "team_id": "team", "blocked": "disabled", "tags": "tags"}
_BUDGET: Final = ("max_budget", "soft_budget", "budget_duration")
_OTHERS: Final = ("models", "duration", "metadata")
_EVERY_MODEL: Final = ("all-team-models", "all-proxy-models")
_WINDOWS: Final = {
    3600.0: Window.HOUR,
    86_400.0: Window.DAY,
    604_800.0: Window.WEEK,
    2_592_000.0: Window.MONTH,
}
_DURATIONS: Final = {Window.HOUR: "1h", Window.DAY: "24h", Window.WEEK: "7d", Window.MONTH: "1mo"}
_WORDS: Final = text(longest=300)


class KeyAliases:
    """Raises as `KeyDesk`. A key is named by its whole text or by its id."""

    def __init__(self, desk: KeyDesk, sources: KeySources) -> None:
        self._desk, self._sources = desk, sources

    async def generate(self, _request: Request, body: Row) -> Row:
        fields = _ours(body, None)
        fields.setdefault("name", "unnamed")
        plaintext, key = await self._desk.create(fields)
        return {"key": plaintext} | await self._info(key)

    async def info(self, request: Request, _body: Row) -> Row:
        name = _id(request.query_params.get("key", ""), "key")
        key = known_key(await self._desk.book(), name)
        return {"key": key.id, "info": await self._info(key)}

    async def update(self, _request: Request, body: Row) -> Row:
        name = _id(body.get("key"), "key")
        key = known_key(await self._desk.book(), name)
        changes = {field: value for field, value in body.items() if field != "key"}
        return {"key": key.id} | await self._info(await self._desk.update(name, _ours(changes, key)))

    async def delete(self, _request: Request, body: Row) -> Row:
        fields = Fields(body)
        keys = fields.take("keys", several(_id, most=100), ())
        aliases = fields.take("key_aliases", several(_WORDS, most=100), ())
        fields.end()
        if not keys and not aliases:
            raise BadField("keys", "names no key", '{"keys": ["sk-fr-…"]}')
        book = await self._desk.book()
        named = [*keys, *(_by_alias(book, alias) for alias in aliases)]
        return {"deleted_keys": await self._desk.delete(dict.fromkeys(named))}

    async def _info(self, key: VirtualKey) -> Row:
        limits = key.limits
        hard = next((one for one in limits.budgets if one.hard), None)
        soft = next((one for one in limits.budgets if not one.hard), None)
        window = (hard or soft or Budget(Decimal(0), Window.TOTAL)).window
        spends = await spends_at(self._sources.spend, self._sources.clock.now())
        return {
            "token": key.id,
            "key_name": f"{PREFIX}{key.id}-…{key.hint}",
            "key_alias": key.name,
            "models": list(key.models),
            "team_id": key.team,
            "max_budget": None if hard is None else float(hard.limit_usd),
            "soft_budget": None if soft is None else float(soft.limit_usd),
            "budget_duration": _DURATIONS.get(window),
            "spend": float(spends[window].get(key.id, Decimal(0))),
            "rpm_limit": limits.requests_per_minute,
            "tpm_limit": limits.tokens_per_minute,
            "max_parallel_requests": limits.parallel_max,
            "metadata": {"tags": list(key.tags)} if key.tags else {},
            "blocked": key.disabled,
            "expires": _iso(key.expires_at),
            "created_at": _iso(key.created_at),
        }


def _ours(body: Row, key: VirtualKey | None) -> Row:
    """The same in the names of our own API. A null takes a limit away."""
    ours: Row = {}
    limits: Row = {}
    for name, value in body.items():
        if name in _LIMITS:
            limits[_LIMITS[name]] = value
        elif name in _PLAIN:
            ours[_PLAIN[name]] = value
        elif name not in (*_BUDGET, *_OTHERS):
            known = ", ".join((*_PLAIN, *_LIMITS, *_BUDGET, *_OTHERS))
            raise BadField(name, "has no counterpart here", f"known: {known}")
    if any(name in body for name in _BUDGET):
        limits["budgets"] = _budgets(body, key)
    if "models" in body:
        models = body["models"]
        ours["models"] = (
            [] if isinstance(models, list) and set(_EVERY_MODEL) & {*map(str, models)} else models
        )
    if body.get("metadata"):
        ours["tags"] = _tags(body)
    if "duration" in body:
        endless = body["duration"] in (None, "-1")
        ours["expires_at" if endless else "expires_in"] = None if endless else body["duration"]
    return ours | ({"limits": limits} if limits else {})


def _budgets(body: Row, key: VirtualKey | None) -> list[Row]:
    """A hard and a soft budget over one window, which is all that these names can say."""
    before = key.limits.budgets if key is not None else ()
    if len({budget.window for budget in before}) > 1:
        raise BadField("max_budget", "the key has budgets of several windows", "use PATCH /api/keys/{id}")
    window = before[0].window if before else Window.TOTAL
    if "budget_duration" in body:
        window = _window(body["budget_duration"])
    found = []
    for name, hard in (("max_budget", True), ("soft_budget", False)):
        old = next((one.limit_usd for one in before if one.hard is hard), None)
        value = body[name] if name in body else old  # noqa: SIM401 - null is a value: it takes the budget away
        if value is not None:
            amount = value if isinstance(value, Decimal) else usd(value, name)
            found.append({"limit_usd": f"{amount:f}", "window": window.value, "hard": hard})
    if not found and body.get("budget_duration") is not None:
        raise BadField("budget_duration", "stands alone", "give max_budget or soft_budget too")
    return found


def _window(value: Any) -> Window:
    """Calendar windows: hours, days, weeks from Monday and months, in UTC. 30 days are taken as a month."""
    if value is None:
        return Window.TOTAL
    if value == "1mo":
        return Window.MONTH
    window = _WINDOWS.get(duration_s(value, "budget_duration"))
    if window is None:
        raise BadField(
            "budget_duration", f"there is no window of {value}", "1h, 24h, 7d or 1mo; none: in total"
        )
    return window


def _tags(body: Row) -> Any:
    fields = Fields(body["metadata"], "metadata")
    tags: Any = fields.take("tags", lambda value, _: value, None)
    fields.end()
    if "tags" in body and body["tags"] != tags:
        raise BadField("metadata.tags", "differ from tags", "give one of them")
    return tags


def _id(value: Any, where: str) -> str:
    name = _WORDS(value, where)
    return id_of(name) or name


def _by_alias(book: KeyBook, alias: str) -> str:
    found = [key.id for key in book.keys if key.name == alias and key.deleted_at is None]
    if len(found) != 1:
        raise Refusal(404, f"{len(found)} keys are called {alias[:40]!r}", "name it by its id")
    return found[0]


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()

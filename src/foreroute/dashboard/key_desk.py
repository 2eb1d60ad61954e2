"""Where keys and teams are made and changed. One change at a time; each is on record and told to `changed`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from foreroute.control.decision_log import audit_record
from foreroute.core.fields import BadField
from foreroute.core.ids import KeyId
from foreroute.core.key_json import key_from_dict, key_to_dict, team_from_dict, team_to_dict
from foreroute.core.keys import KeyBook, Team, TeamId, VirtualKey
from foreroute.core.ports import Clock, KeyStore, RecordStore
from foreroute.dashboard.answers import Refusal
from foreroute.dashboard.durations import duration_s
from foreroute.gateway.keyring import RandomBytes, new_id, new_key, new_secret

Row = dict[str, Any]
KEY_FIELDS: Final = (
    "name",
    "role",
    "models",
    "team",
    "limits",
    "expires_at",
    "expires_in",
    "tags",
    "regions",
    "disabled",
)
TEAM_FIELDS: Final = ("name", "models", "regions", "limits")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySources:
    """What the desk needs. The composition root fills it in."""

    store: KeyStore
    spend: Callable[[float, float], Awaitable[Mapping[KeyId, Decimal]]]
    """(start, end) → US dollars by key, from the ledger."""
    records: RecordStore
    clock: Clock
    rng_bytes: RandomBytes
    changed: Callable[[], None] = lambda: None
    """Called after each change, on the dashboard's event loop: the gateway reads the keys anew."""


class KeyDesk:
    """Raises BadField for a field that makes no sense, Refusal for what does not exist or stands in the way."""

    def __init__(self, sources: KeySources) -> None:
        self._sources = sources
        self._turn = asyncio.Lock()

    async def book(self) -> KeyBook:
        return await self._sources.store.read()

    async def create(self, fields: Row) -> tuple[str, VirtualKey]:
        """The key in plain text and what is kept of it."""
        async with self._turn:
            book = await self.book()
            at = self._sources.clock.now()
            plaintext, blank = new_key(self._sources.rng_bytes, name="", at=at)
            key = _edited(blank, {"name": None} | fields, at)
            _require_team(key, book)
            await self._put(key, "key_create", fields)
            return plaintext, key

    async def update(self, name: str, fields: Row) -> VirtualKey:
        async with self._turn:
            key = known_key(await self.book(), name)
            changed = _edited(key, fields, self._sources.clock.now())
            if changed.team != key.team:
                hint = (
                    "create one in the other team and delete this one: a team's spend is that of all its keys"
                )
                raise BadField("team", "a key stays in its team", hint)
            await self._put(changed, "key_update", fields)
            return changed

    async def rotate(self, name: str) -> tuple[str, VirtualKey]:
        """Another secret under the same id. The old one ends at once."""
        async with self._turn:
            key = known_key(await self.book(), name)
            plaintext, rotated = new_secret(self._sources.rng_bytes, key)
            await self._put(rotated, "key_rotate", ())
            return plaintext, rotated

    async def delete(self, names: Iterable[str]) -> list[KeyId]:
        """All of them or, when one does not exist, none."""
        async with self._turn:
            book = await self.book()
            at = self._sources.clock.now()
            keys = [known_key(book, name) for name in names]
            for key in keys:
                await self._put(replace(key, salt=b"", digest=b"", deleted_at=at), "key_delete", ())
            return [key.id for key in keys]

    async def create_team(self, fields: Row) -> Team:
        async with self._turn:
            at = self._sources.clock.now()
            team = Team(id=TeamId(new_id(self._sources.rng_bytes)), name="", created_at=at)
            made = _edited_team(team, {"name": None} | fields)
            return await self._put_team(made, "team_create", fields)

    async def update_team(self, name: str, fields: Row) -> Team:
        async with self._turn:
            team = known_team(await self.book(), name)
            return await self._put_team(_edited_team(team, fields), "team_update", fields)

    async def delete_team(self, name: str) -> Team:
        async with self._turn:
            book = await self.book()
            team = known_team(book, name)
            members = [key.id for key in book.keys if key.team == team.id and key.deleted_at is None]
            if members:
                raise Refusal(
                    409, f"the team has {len(members)} keys", f"delete them first: {', '.join(members[:5])}"
                )
            gone = replace(team, deleted_at=self._sources.clock.now())
            return await self._put_team(gone, "team_delete", ())

    async def _put(self, key: VirtualKey, action: str, fields: Iterable[str]) -> None:
        await self._sources.store.put(key)
        await self._note(action, key.id, fields)

    async def _put_team(self, team: Team, action: str, fields: Iterable[str]) -> Team:
        await self._sources.store.put_team(team)
        await self._note(action, team.id, fields)
        return team

    async def _note(self, action: str, name: str, fields: Iterable[str]) -> None:
        """Which fields were given, not what they hold: names and tags are people's own words."""
        self._sources.changed()
        detail = " ".join([name, *sorted(fields)])
        await self._sources.records.append(
            [audit_record(at=self._sources.clock.now(), action=action, detail=detail)]
        )


def known_key(book: KeyBook, name: str) -> VirtualKey:
    """The key with the id. Raises Refusal when there is none, or none any more."""
    for key in book.keys:
        if key.id == name and key.deleted_at is None:
            return key
    raise Refusal(404, f"there is no key {name[:40]!r}", "GET /api/keys lists them")


def known_team(book: KeyBook, name: str) -> Team:
    for team in book.teams:
        if team.id == name and team.deleted_at is None:
            return team
    raise Refusal(404, f"there is no team {name[:40]!r}", "GET /api/teams lists them")


def _edited(key: VirtualKey, fields: Row, at: float) -> VirtualKey:
    given = dict(fields)
    if given.get("expires_in") is not None:
        if given.get("expires_at") is not None:
            raise BadField("expires_in", "cannot stand beside expires_at", "give one of them")
        given["expires_at"] = at + duration_s(given["expires_in"], "expires_in")
    edited = key_from_dict(_merged(key_to_dict(key), given, KEY_FIELDS))
    if given.get("expires_at") is not None and edited.expires_at is not None and edited.expires_at <= at:
        raise BadField("expires_at", "is in the past", "seconds since the epoch, UTC; or expires_in: 30d")
    return edited


def _edited_team(team: Team, fields: Row) -> Team:
    return team_from_dict(_merged(team_to_dict(team), fields, TEAM_FIELDS))


def _merged(row: Row, given: Row, known: tuple[str, ...]) -> Row:
    """What was given in place of what was there; of the limits, only those that were given."""
    for name in given:
        if name not in known:
            raise BadField(name, "there is no such field, or it cannot be set", f"known: {', '.join(known)}")
    merged = row | {name: value for name, value in given.items() if name != "expires_in"}
    if isinstance(given.get("limits"), dict):
        merged["limits"] = row["limits"] | given["limits"]
    return merged


def _require_team(key: VirtualKey, book: KeyBook) -> None:
    teams = [team.id for team in book.teams if team.deleted_at is None]
    if key.team is not None and key.team not in teams:
        raise BadField(
            "team", f"there is no team {key.team!r}", f"known: {', '.join(teams[:20]) or 'none yet'}"
        )

"""The audit records as a chain: each holds the hash of the one before it, so that none can be changed, removed or put
between two others without its being seen.

A chain of plain SHA-256 shows what was changed by hand; whoever can write the store can make a new chain, unless it is
keyed (`store.audit_key`). What was cut off at the end is seen only against a head that was noted elsewhere: each new one
is logged, and `foreroute audit verify --head` takes it.
"""

import asyncio
import hashlib
import hmac
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from foreroute.control.decision_log import AUDIT
from foreroute.core.ports import Record, RecordStore

_log: Final = logging.getLogger("foreroute.audit")
_ALL: Final = 2**31
_MEMBER: Final = "chain"
_PRUNED: Final = "audit_pruned"
_START: Final = "0" * 64
_PLAIN: Final = "sha256"
_NAME_LETTERS: Final = 8


@dataclass(frozen=True, slots=True)
class Link:
    """One record's place in the chain."""

    seq: int
    previous: str
    hash: str
    by: str
    """Whose key, by a name that tells nothing of it; `sha256`: nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check of the chain has found. It holds if `broken` is None."""

    records: int
    keyed: int
    before: int
    """Older records that were written before there was a chain."""
    first: int
    head: str
    broken: str | None = None


class AuditTrail:
    """A record store whose audit records are chained; all others pass as they are. One writer at a time has it."""

    def __init__(self, inner: RecordStore, key: str | None = None) -> None:
        self._inner = inner
        self._key = key
        self._head: Link | None = None
        self._head_at = -math.inf
        self._known: dict[str, bytes] | None = None
        self._turn = asyncio.Lock()

    async def append(self, records: Sequence[Record]) -> None:
        if not any(record.kind == AUDIT for record in records):
            return await self._inner.append(records)
        async with self._turn:
            return await self._append(records)

    async def read(
        self, kind: str, *, since_at: float = 0.0, until_at: float = math.inf, limit: int = 1000
    ) -> list[Record]:
        return await self._inner.read(kind, since_at=since_at, until_at=until_at, limit=limit)

    async def prune(self, before_at: float) -> int:
        """Says in the chain itself where it now begins."""
        gone = await self._inner.read(AUDIT, until_at=before_at, limit=1)
        done = await self._inner.prune(before_at)
        link = link_of(_object(gone[0].body)) if gone else None
        if link is not None:
            async with self._turn:
                self._known = None
                body = {"at": before_at, "action": _PRUNED, "seq": link.seq, "hash": link.hash}
                body["detail"] = f"records up to {link.seq} were as old as store.keep.records says"
                name = f"{before_at:.6f}/{_PRUNED}/{link.seq}"
                await self._append([Record(kind=AUDIT, id=name, at=before_at, body=orjson.dumps(body))])
        return done

    async def _append(self, records: Sequence[Record]) -> None:
        known = await self._load() if self._known is None else self._known
        chained: list[Record] = []
        links: list[Link] = []
        for record in records:
            if record.kind != AUDIT:
                chained.append(record)
            elif (fresh := _unused(record, known)) is not None:
                link, made = self._chain(fresh, links[-1] if links else self._head)
                links.append(link)
                chained.append(made)
                known[fresh.id] = fresh.body
                self._head_at = made.at
        try:
            await self._inner.append(chained)
        except BaseException:
            self._known = None  # it may have been written or not: the store knows
            raise
        for link in links:
            self._head = link
            _log.info("audit", extra={"seq": link.seq, "hash": link.hash})

    def _chain(self, record: Record, before: Link | None) -> tuple[Link, Record]:
        """Never earlier than the one before, whatever the clock says: pruning cuts off the beginning and nothing else."""
        record = replace(record, at=max(record.at, self._head_at))
        seq, previous = (1, _START) if before is None else (before.seq + 1, before.hash)
        body = orjson.loads(record.body)
        link = Link(seq, previous, _hash(self._key, seq, previous, record, body), name_of(self._key))
        body[_MEMBER] = {"seq": seq, "previous": previous, "hash": link.hash, "by": link.by}
        return link, replace(record, body=orjson.dumps(body))

    async def _load(self) -> dict[str, bytes]:
        known: dict[str, bytes] = {}
        self._head, self._head_at = None, -math.inf
        for record in await self._inner.read(AUDIT, limit=_ALL):
            body = _object(record.body)
            link = link_of(body)
            body.pop(_MEMBER, None)
            known[record.id] = orjson.dumps(body)
            if link is not None:
                self._head_at = max(self._head_at, record.at)
                if self._head is None or link.seq > self._head.seq:
                    self._head = link
        self._known = known
        return known


def _unused(record: Record, known: dict[str, bytes]) -> Record | None:
    """The record under a name that nobody has; None: it is written already. An old record is never replaced."""
    name, number = record.id, 1
    while name in known:
        if known[name] == record.body:
            return None
        number += 1
        name = f"{record.id}#{number}"
    return replace(record, id=name)


def verify(records: Sequence[Record], *, key: str | None = None, head: str | None = None) -> Verdict:
    """Whether the audit records are as they were written. `head`: a hash that must be one of theirs. Pure."""
    chained: list[tuple[Link, Record, dict[str, Any]]] = []
    before = 0
    for record in records:
        body = _object(record.body)
        link = link_of(body)
        if link is None:
            before += 1
        else:
            chained.append((link, record, body))
    chained.sort(key=lambda one: one[0].seq)
    links = [link for link, _, _ in chained]
    return Verdict(
        records=len(chained),
        keyed=sum(link.by != _PLAIN for link in links),
        before=before,
        first=links[0].seq if links else 0,
        head=links[-1].hash if links else "",
        broken=_unread(records) or _fault(chained, key) or _missing(links, head),
    )


def _unread(records: Sequence[Record]) -> str | None:
    return next((f"{one.id} is no JSON object" for one in records if not _object(one.body)), None)


def _fault(chained: Sequence[tuple[Link, Record, dict[str, Any]]], key: str | None) -> str | None:
    begins = {(body.get("seq"), body.get("hash")) for _, _, body in chained if body.get("action") == _PRUNED}
    previous: Link | None = None
    for link, record, body in chained:
        fault = _misplaced(link, previous, begins) or _forged(link, record, body, key)
        if fault is not None:
            return fault
        previous = link
    if previous is not None and key is not None and previous.by == _PLAIN:
        return "no record is keyed, though there is a key"
    return None


def _misplaced(link: Link, previous: Link | None, begins: set[tuple[Any, Any]]) -> str | None:
    """Why it cannot stand after the one before it; `begins`: where the chain says that it was pruned to."""
    if previous is None:
        known_start = link.previous == _START if link.seq == 1 else (link.seq - 1, link.previous) in begins
        gone = f"the records before {link.seq} are gone, and no record says that they were let go"
        return None if known_start else gone
    if link.seq != previous.seq + 1:
        what = "stands twice" if link.seq == previous.seq else "has nothing before it"
        return f"record {link.seq} {what}: the one before is {previous.seq}"
    if link.previous != previous.hash:
        return f"record {link.seq} does not follow from record {previous.seq}"
    if previous.by != _PLAIN and link.by == _PLAIN:
        return f"record {link.seq} is not keyed, and the one before it is"
    return None


def _forged(link: Link, record: Record, body: dict[str, Any], key: str | None) -> str | None:
    own = name_of(key)
    if link.by in (own, _PLAIN):
        made = _hash(key if link.by == own else None, link.seq, link.previous, record, body)
        same = hmac.compare_digest(made, link.hash)
        return None if same else f"record {link.seq} ({record.id}) is not as it was written"
    if own != _PLAIN:
        return f"record {link.seq} was written with another key ({link.by}) than this one ({own})"
    return None


def _missing(links: Sequence[Link], head: str | None) -> str | None:
    if head is None or any(link.hash == head for link in links):
        return None
    return f"the head {head[:16]}… is not in the chain: what came with it or after it is gone"


def link_of(body: dict[str, Any]) -> Link | None:
    """None for a record from before there was a chain."""
    found = body.get(_MEMBER)
    if not isinstance(found, dict):
        return None
    seq = found.get("seq")
    if not isinstance(seq, int):
        return None
    return Link(seq, str(found.get("previous")), str(found.get("hash")), str(found.get("by")))


def name_of(key: str | None) -> str:
    """A name for a key that tells nothing of it."""
    if key is None:
        return _PLAIN
    return hashlib.sha256(b"foreroute-audit-key\0" + key.encode()).hexdigest()[:_NAME_LETTERS]


def _hash(key: str | None, seq: int, previous: str, record: Record, body: dict[str, Any]) -> str:
    said = {name: value for name, value in body.items() if name != _MEMBER}
    text = orjson.dumps([seq, previous, record.id, record.at, said], option=orjson.OPT_SORT_KEYS)
    return (
        hashlib.sha256(text).hexdigest() if key is None else hmac.digest(key.encode(), text, "sha256").hex()
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}

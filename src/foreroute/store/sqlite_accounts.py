"""Accounts in one SQLite file: several gateway processes of one host share their limits exactly.

Every call is one short transaction that begins by taking the write lock, so that of two processes one is second.
`synchronous = OFF`: after a power cut the file may be damaged and is then thrown away, for the ledger is the truth
and the accounts are restored from it. A killed process damages nothing; what it had reserved is free when its leases
run out.
"""

import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from foreroute.core.accounts import (
    LATE_S,
    LEASE_S,
    Ask,
    Crossing,
    Refusal,
    Spent,
    Standing,
    Ticket,
    TicketId,
)
from foreroute.core.errors import StoreCorrupt, StoreError, StoreUnavailable
from foreroute.core.keys import Scope, ScopeId
from foreroute.core.meters import (
    NOTHING,
    gauges,
    refusal,
    release,
    reserve,
    reserve_more,
    spend,
    standing_of,
    with_gauges,
)
from foreroute.core.windows import Window
from foreroute.store.sqlite_counters import Counters, names_of, prepare

_T = TypeVar("_T")
_BUSY_S: Final = 1.0
_DUE_MAX: Final = 10_000
"""So many settlements are kept while the file cannot be written; of older ones the ledger alone knows."""
_DEAD_MAX: Final = 100
"""So many dead leases are released in one transaction: a call stays short whatever has died."""


class SqliteAccounts:
    """For the thread that opened it. `admit`, `extend`, `restore` and `standing` raise StoreError."""

    def __init__(self, db: sqlite3.Connection, path: Path, lease_s: float) -> None:
        self._db, self._path, self._lease_s = db, path, lease_s
        self._counters = Counters(db)
        self._scopes: dict[TicketId, tuple[Scope, ...]] = {}
        """Of this process's open tickets: a lease in the file knows their ids only."""
        self._due: deque[tuple[TicketId, Spent, float]] = deque(maxlen=_DUE_MAX)
        """Settlements that are not in the file yet."""
        self._crossed: list[Crossing] = []

    @classmethod
    def open(cls, path: Path, *, lease_s: float = LEASE_S, busy_s: float = _BUSY_S) -> Self:
        """Creates the file if need be. `busy_s` is how long a call may wait for another process.

        Raises StoreUnavailable (cannot be opened) or StoreCorrupt (damaged, or no such file), for a person to read.
        """
        try:
            db = sqlite3.connect(path, timeout=busy_s, isolation_level=None)
        except sqlite3.Error as error:
            raise _sentence(error, path) from None
        try:
            prepare(db, path)
        except sqlite3.Error as error:
            db.close()
            raise _sentence(error, path) from None
        except BaseException:
            db.close()
            raise
        return cls(db, path, lease_s)

    def close(self) -> None:
        """Writes what is due, as far as that is possible, and lets go of the file."""
        if self._due:
            with contextlib.suppress(StoreError):
                self._do(lambda: None, self._due[-1][2])
        self._db.close()

    def admit(self, ask: Ask, at: float) -> Ticket | Refusal:
        def work() -> Ticket | Refusal:
            held = tuple([self._counters.held(scope, at) for scope in ask.scopes])
            if found := refusal(held, ask, at):
                return with_gauges(found, held)
            cost = NOTHING if ask.cost_usd is None else ask.cost_usd
            reserve(held, ask.tokens, cost)
            self._counters.write(held)
            row = (at + self._lease_s, ask.tokens, str(cost), names_of(held))
            cursor = self._db.execute(
                "INSERT INTO leases (until, live, tokens, cost, held) VALUES (?, 1, ?, ?, ?)", row
            )
            return Ticket(TicketId(cursor.lastrowid or 0), ask.tokens, cost, *gauges(held))

        answer = self._do(work, at)
        if isinstance(answer, Ticket):
            self._scopes[answer.id] = ask.scopes
        return answer

    def extend(self, ticket: Ticket, more_usd: Decimal, at: float) -> bool:
        def work() -> bool:
            row = self._db.execute(
                "SELECT cost, held FROM leases WHERE id = ? AND live = 1", (ticket.id,)
            ).fetchone()
            if row is None:
                return False
            held = self._counters.held_by(row[1], self._scopes.get(ticket.id, ()))
            if not reserve_more(held, more_usd):
                return False
            self._counters.write(held)
            changed = (at + self._lease_s, str(Decimal(row[0]) + more_usd), ticket.id)
            self._db.execute("UPDATE leases SET until = ?, cost = ? WHERE id = ?", changed)
            return True

        return self._do(work, at)

    def settle(self, ticket: Ticket, spent: Spent, at: float) -> tuple[Crossing, ...]:
        self._due.append((ticket.id, spent, at))
        with contextlib.suppress(StoreError):  # it stays due
            self._do(lambda: None, at)
        crossed = tuple(self._crossed)
        self._crossed.clear()
        return crossed

    def restore(
        self, scope: ScopeId, window: Window, window_start: float, spent_usd: Decimal, zone: str = "UTC"
    ) -> None:
        def work() -> None:
            account = self._counters.account(scope, window, window_start, zone)
            if account.start_at == window_start:
                account.spent_usd = max(account.spent_usd, spent_usd)
                self._counters.write_account(scope, account)

        self._do(work, window_start)

    def standing(self, scope: Scope, at: float) -> Standing:
        return self._do(lambda: standing_of(self._counters.held(scope, at)), at)

    def _do(self, work: Callable[[], _T], at: float) -> _T:
        """One transaction: dead leases and due settlements first, then the work."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                self._release_dead(at)
                crossed = [one for name, spent, then in self._due for one in self._settle(name, spent, then)]
                result = work()
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _sentence(error, self._path) from None
        for name, _, _ in self._due:
            self._scopes.pop(name, None)
        self._due.clear()
        self._crossed += crossed
        return result

    def _settle(self, name: TicketId, spent: Spent, at: float) -> tuple[Crossing, ...]:
        query = "SELECT live, tokens, cost, held FROM leases WHERE id = ? AND (live = 1 OR until > ?)"
        row = self._db.execute(query, (name, at - LATE_S)).fetchone()
        if row is None:
            return ()
        held, cost = self._counters.held_by(row[3], self._scopes.get(name, ())), Decimal(row[2])
        if row[0]:
            release(held, cost)
        crossed = spend(held, spent, row[1], cost, at)
        self._counters.write(held)
        self._db.execute("DELETE FROM leases WHERE id = ?", (name,))
        return crossed

    def _release_dead(self, at: float) -> None:
        some = "SELECT id, cost, held FROM leases WHERE live = 1 AND until <= ? ORDER BY until LIMIT ?"
        dead = self._db.execute(some, (at, _DEAD_MAX)).fetchall()
        for name, cost, names in dead:
            held = self._counters.held_by(names)
            release(held, Decimal(cost))
            self._counters.write(held)
            self._db.execute("UPDATE leases SET live = 0 WHERE id = ?", (name,))
        if dead:
            self._db.execute("DELETE FROM leases WHERE live = 0 AND until <= ?", (at - LATE_S,))


def _sentence(error: sqlite3.Error, path: Path) -> StoreError:
    code: Any = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorrupt(
            f"{path} is damaged ({error}). Stop all gateways and delete it: the accounts are restored from the ledger"
        )
    if code == sqlite3.SQLITE_BUSY:
        return StoreUnavailable(f"{path} is locked by another process ({error})")
    return StoreUnavailable(f"{path} cannot be used ({error})")

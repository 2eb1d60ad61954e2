"""The file behind shared accounts: its tables, and the counters of a scope read from them and written back."""

import json
import math
import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Final

from foreroute.core.errors import StoreCorrupt
from foreroute.core.keys import NO_LIMITS, Scope, ScopeId
from foreroute.core.meters import Account, Held, Meter, new_account
from foreroute.core.windows import Window

_APPLICATION_ID: Final = int.from_bytes(b"ForA", "big")
_KEPT_S: Final = 35 * 86_400.0
"""Accounts of windows that began longer ago are let go; no request of theirs can be open any more."""
_SCHEMA: Final = f"""
CREATE TABLE meters (
  scope TEXT PRIMARY KEY, at REAL NOT NULL, requests REAL NOT NULL, tokens REAL NOT NULL, parallel INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE accounts (
  scope TEXT, window TEXT, start_at REAL, spent TEXT NOT NULL, reserved TEXT NOT NULL,
  PRIMARY KEY (scope, window, start_at)
) WITHOUT ROWID;
CREATE TABLE leases (
  id INTEGER PRIMARY KEY AUTOINCREMENT, until REAL NOT NULL, live INTEGER NOT NULL, tokens INTEGER NOT NULL,
  cost TEXT NOT NULL, held TEXT NOT NULL
);
CREATE INDEX leases_by_end ON leases (live, until);
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = 1"""


class Counters:
    """For use inside one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def held(self, scope: Scope, at: float) -> Held:
        meter = self._meter(scope.id)
        meter.refill(scope.limits, at)
        windows = {one.window: one.zone for one in scope.limits.budgets}
        accounts = {window: self.account(scope.id, window, at, zone) for window, zone in windows.items()}
        return Held(scope, meter, accounts)

    def held_by(self, names: str, scopes: Iterable[Scope] = ()) -> tuple[Held, ...]:
        """The counters that a lease was made on; of scopes that are not given, without their limits."""
        known = {scope.id: scope for scope in scopes}
        held = []
        for name, starts in json.loads(names):
            scope = known.get(name) or Scope(name, NO_LIMITS)
            accounts = {Window(window): self._account_of(name, Window(window), at) for window, at in starts}
            held.append(Held(scope, self._meter(name), accounts))
        return tuple(held)

    def _meter(self, scope: ScopeId) -> Meter:
        query = "SELECT at, requests, tokens, parallel FROM meters WHERE scope = ?"
        row = self._db.execute(query, (scope,)).fetchone()
        return Meter() if row is None else Meter(*row)

    def account(self, scope: ScopeId, window: Window, at: float, zone: str = "UTC") -> Account:
        return self._filled(scope, new_account(window, at, zone), at)

    def _account_of(self, scope: ScopeId, window: Window, start_at: float) -> Account:
        """The account of a lease, by its own start: its end is not asked for any more."""
        return self._filled(scope, Account(window, start_at, math.inf), start_at)

    def _filled(self, scope: ScopeId, account: Account, at: float) -> Account:
        window = account.window
        query = "SELECT spent, reserved FROM accounts WHERE scope = ? AND window = ? AND start_at = ?"
        row = self._db.execute(query, (scope, window, account.start_at)).fetchone()
        if row is None:
            self._forget(scope, window, at)
        else:
            account.spent_usd, account.reserved_usd = Decimal(row[0]), Decimal(row[1])
        return account

    def _forget(self, scope: ScopeId, window: Window, at: float) -> None:
        old = "DELETE FROM accounts WHERE scope = ? AND window = ? AND start_at < ?"
        if window is not Window.TOTAL:
            self._db.execute(old, (scope, window, at - _KEPT_S))

    def write(self, all_held: Iterable[Held]) -> None:
        for held in all_held:
            meter = held.meter
            row = (held.scope.id, meter.at, meter.requests, meter.tokens, meter.parallel)
            self._db.execute("INSERT OR REPLACE INTO meters VALUES (?, ?, ?, ?, ?)", row)
            for account in held.accounts.values():
                self.write_account(held.scope.id, account)

    def write_account(self, scope: ScopeId, account: Account) -> None:
        row = (scope, account.window, account.start_at, str(account.spent_usd), str(account.reserved_usd))
        self._db.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?)", row)


def names_of(all_held: Iterable[Held]) -> str:
    return json.dumps(
        [
            [held.scope.id, [[account.window, account.start_at] for account in held.accounts.values()]]
            for held in all_held
        ]
    )


def prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("BEGIN IMMEDIATE")
    (owner,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (owner, version) != (_APPLICATION_ID, 1):
        if owner or version or tables:
            db.execute("ROLLBACK")
            raise StoreCorrupt(f"{path} holds no accounts of this version. Choose another file")
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
    db.execute("COMMIT")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")

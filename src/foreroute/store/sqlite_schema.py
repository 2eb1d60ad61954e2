"""What a Foreroute database file is: whose it is, which version, and how an older one becomes a newer one."""

import sqlite3
from importlib import resources
from pathlib import Path
from typing import Final

from foreroute.core.errors import StoreCorrupt

APPLICATION_ID: Final = int.from_bytes(b"Fore", "big")
_MARKED_SINCE: Final = 2
_CHECKED_BYTES_MAX: Final = 64 * 1024 * 1024


def check_owner(db: sqlite3.Connection) -> None:
    """Raises StoreCorrupt for the database of another program, or of a newer Foreroute. Changes nothing."""
    (application_id,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    ours = application_id == APPLICATION_ID
    fresh = version == 0 and not tables
    unmarked = 0 < version < _MARKED_SINCE and "spend_hours" in tables
    if application_id not in (0, APPLICATION_ID) or not (ours or fresh or unmarked):
        raise StoreCorrupt(
            f"{_file(db)} is a database of another program. Choose another file with store.path"
        )
    known = len(_scripts())
    if version > known:
        raise StoreCorrupt(
            f"{_file(db)} has schema {version}, this version of Foreroute knows {known}: "
            "it was written by a newer one. Upgrade Foreroute, or choose another file with store.path"
        )


def migrate(db: sqlite3.Connection) -> None:
    """Applies the numbered scripts that this database has not seen, in the caller's transaction."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(_scripts()[version:], start=version + 1):
        for statement in _statements(script):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {number}")


def check_small(db: sqlite3.Connection) -> None:
    """Reads a file through unless that would take longer than opening it should. Raises as `check_pages`."""
    if Path(_file(db)).stat().st_size <= _CHECKED_BYTES_MAX:
        check_pages(db)


def check_pages(db: sqlite3.Connection) -> None:
    """Reads the file through (about a gigabyte a second). Raises StoreCorrupt with the first thing that is wrong."""
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        what = " ".join(found.split())
        raise StoreCorrupt(f"{_file(db)} is damaged ({what}). Restore it or move it away")


def _file(db: sqlite3.Connection) -> str:
    return str(db.execute("PRAGMA database_list").fetchone()[2])


def _scripts() -> list[str]:
    """The migrations in order: script n makes schema n of schema n - 1."""
    folder = resources.files("foreroute.store").joinpath("migrations")
    files = sorted((file for file in folder.iterdir() if file.name[0].isdigit()), key=lambda file: file.name)
    return [file.read_text(encoding="utf-8") for file in files]


def _statements(script: str) -> list[str]:
    """The script's statements one by one: `executescript` would commit in between."""
    statements, lines = [], ""
    for line in script.splitlines(keepends=True):
        lines += line
        if sqlite3.complete_statement(lines):
            statements.append(lines)
            lines = ""
    return statements

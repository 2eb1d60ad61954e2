"""A look at a database file that changes nothing, for whoever wants to know whether it can be used."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from foreroute.core.errors import StoreCorrupt, StoreUnavailable
from foreroute.store.sqlite_schema import check_owner, check_small


@dataclass(frozen=True, slots=True)
class Looked:
    schema: int
    """The migrations that it has seen."""
    newest_at: float | None
    """When its newest minute begins; None: it has none."""


def look(path: Path) -> Looked:
    """Raises StoreUnavailable (cannot be read) or StoreCorrupt (damaged, another program's, or of a newer version)."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            check_owner(db)
            check_small(db)
            (schema,) = db.execute("PRAGMA user_version").fetchone()
            newest = db.execute("SELECT max(window_start) FROM rollups").fetchone()[0] if schema else None
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"{path} cannot be read: {error}") from None
    except sqlite3.DatabaseError as error:
        raise StoreCorrupt(f"{path} is damaged or not a Foreroute database ({error})") from None
    return Looked(schema, newest)

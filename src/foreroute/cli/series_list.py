"""`foreroute series list`: what is stored of whom, since when, and how finely."""

from typing import Any

from foreroute.cli.say import console, table, text
from foreroute.cli.series_store import on_file
from foreroute.cli.status import clock
from foreroute.settings import Settings
from foreroute.settings.units import write_seconds
from foreroute.store.sqlite import SqliteStore

Row = dict[str, Any]


def listed(settings: Settings) -> list[Row]:
    """One row per channel, segment and length of window."""

    async def work(store: SqliteStore) -> list[Row]:
        return [
            {
                "channel": one.channel,
                "segment": one.segment,
                "window_s": one.window_s,
                "rollups": one.rollups,
                "start_at": one.start_at,
                "end_at": one.end_at,
            }
            for one in await store.rollups.extents()
        ]

    return on_file(settings, work)


def show(rows: list[Row]) -> None:
    out = console()
    if not rows:
        out.print("Nothing is stored yet.")
        return
    made = table("channel", "segment", "windows of", ">how many", "from", "until")
    for row in rows:
        made.add_row(
            text(row["channel"], "bold"),
            text(row["segment"] or "(all of it)"),
            write_seconds(row["window_s"]),
            text(row["rollups"]),
            clock(row["start_at"]),
            clock(row["end_at"]),
        )
    out.print(made)

"""`foreroute cost reprice`: attempts on record at the prices of their day, as they are known now."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from foreroute.app.prices import price_book
from foreroute.cli.options import config_path
from foreroute.cli.say import console
from foreroute.cli.series_store import check_channel, duration_of, on_file
from foreroute.clock import SystemClock
from foreroute.core.ledger import Correction, LedgerEntry
from foreroute.cost.allowance import freed
from foreroute.cost.ledger import price_attempts
from foreroute.cost.report_rows import plain
from foreroute.settings import load_settings
from foreroute.settings.convert import channels_of
from foreroute.store.sqlite import SqliteStore

_BATCH: Final = 2000


def repriced(
    config: Path | None, *, since: str, channel: str | None, every: bool, dry_run: bool
) -> dict[str, Any]:
    """What it came to. A run that is cut short leaves whole batches; the next one does the rest."""
    settings = load_settings(config_path(config))
    if channel is not None:
        check_channel(settings, channel)
    now = SystemClock().now()
    start_at = now - duration_of(since, "--since")
    book, channels = price_book(settings), {one.id: one for one in channels_of(settings)}

    def changes(rows: list[LedgerEntry]) -> Iterator[tuple[LedgerEntry, LedgerEntry]]:
        for old in rows:
            wanted = channel in (None, old.attempt.channel) and (every or old.cost_usd is None)
            if wanted and old.attempt.channel in channels:
                (new,) = price_attempts([old.attempt], channels, book)
                if old.prices is not None:
                    new = freed(new, old.prices.free_ratio)
                if new.cost_usd != old.cost_usd and new.cost_usd is not None:
                    yield old, new

    async def work(store: SqliteStore) -> tuple[int, Decimal]:
        found, delta, at = 0, Decimal(0), start_at
        while rows := await store.costs.rows(start_at=at, end_at=now, limit=_BATCH):
            last = rows[-1].attempt.started_at
            if len(rows) == _BATCH and last > rows[0].attempt.started_at:
                rows = [row for row in rows if row.attempt.started_at < last]  # all of an instant together
            both = list(changes(rows))
            fixes = [_correction(new, now) for _, new in both]
            found += len(fixes) if dry_run else await store.costs.correct(fixes)
            delta += sum(((new.cost_usd or 0) - (old.cost_usd or 0) for old, new in both), Decimal(0))
            if last == rows[-1].attempt.started_at:
                break
            at = last
        return found, delta

    attempts, delta = on_file(settings, work)
    return {"attempts": attempts, "difference_usd": plain(delta), "dry_run": dry_run}


def show_repriced(answer: dict[str, Any]) -> None:
    would = "would change" if answer["dry_run"] else "changed"
    console().print(f"{answer['attempts']:,} attempts {would}, by ${answer['difference_usd']} in all.")


def _correction(new: LedgerEntry, at: float) -> Correction:
    return Correction(
        request_id=new.attempt.request_id,
        number=new.attempt.number,
        at=at,
        cost_usd=new.cost_usd,
        price_source=new.price_source,
        prices=new.prices,
        why="repriced",
    )

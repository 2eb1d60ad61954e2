"""Writes to a store until it is killed: ledger rows, corrections, forecasts with their grades, and claims of reports.

Each line on stdout names what is committed: whoever reads it may count on it.
"""

import asyncio
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.cost_record import ReportSent, SendState, StatedForecast
from foreroute.core.ids import ChannelId, KeyId, RequestId, RouteName
from foreroute.core.ledger import Correction, LedgerEntry
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore

AT = 1_793_000_000.0
PICO = Decimal("1E-12")
BATCH = 20


def entry(number: int) -> LedgerEntry:
    """Each costs its own number in pico-dollars, so that no loss and no doubling can hide."""
    attempt = Attempt(
        request_id=RequestId(f"r{number:09}"),
        number=1,
        route=RouteName("chat"),
        channel=ChannelId("ab"[number % 2]),
        started_at=AT + number,
        duration_s=1.0,
        outcome=Outcome.SUCCESS,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        key_id=KeyId(f"k{number % 5}"),
        usage=Usage(number, output_tokens=1),
    )
    return LedgerEntry(attempt=attempt, cost_usd=PICO * number, price_source="config")


def corrected(number: int) -> Correction:
    return Correction(
        request_id=f"r{number:09}",
        number=1,
        at=AT,
        cost_usd=PICO * (number + 7),
        price_source="config",
        why="x",
    )


def forecast(number: int) -> StatedForecast:
    usd = Decimal(number) / 1_000_000
    return StatedForecast(
        period="day",
        start_at=float(number),
        end_at=float(number + 1),
        mark=50,
        division="total",
        name="total",
        at=AT,
        spent_usd=usd,
        expected_usd=usd,
        lower_usd=usd,
        upper_usd=usd,
    )


def report(number: int) -> ReportSent:
    return ReportSent(
        report="r", period="day", window=str(number), target=0, state=SendState.BEGUN, tries=1, at=AT
    )


def say(kind: str, number: int) -> None:
    sys.stdout.write(f"{kind} {number}\n")
    sys.stdout.flush()


async def main(path: Path, first: int) -> None:
    """Every batch is offered twice, as after a crash that came before its answer."""
    store = await SqliteStore.open(path, merge_rollups)
    say("ready", first)
    number = max(BATCH, first)
    while True:
        for batch in (range(number - BATCH, number), range(number, number + BATCH)):
            await store.append([entry(one) for one in batch], [])
        say("row", number + BATCH - 1)
        await store.costs.correct([corrected(number)])
        say("fix", number)
        await store.cost_record.state([forecast(number - BATCH), forecast(number)])
        say("said", number)
        usd = Decimal(number + 1) / 1_000_000
        await store.cost_record.grade([replace(forecast(number), came_usd=usd)], AT)
        say("came", number)
        if await store.cost_record.claim(report(number), failed_before=AT):
            say("claim", number)
            await store.cost_record.settle(replace(report(number), state=SendState.SENT))
            say("sent", number)
        number += BATCH


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))

"""Values to table rows and back. No database in here.

Any value makes a row: one attempt with absurd numbers or broken text must not keep all others out of the
store. Token counts above 10^15 and costs above a million dollars an attempt are a mistake of whoever
reported them; they are kept as those bounds.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import orjson

from foreroute.core.attempt import Usage
from foreroute.core.attempt_json import attempt_fields, attempt_of, tokens_of
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import NOBODY, LedgerEntry, Seller, UsedPrices
from foreroute.core.ledger_json import meter_fields, prices_of, seller_of
from foreroute.core.ports import Record
from foreroute.core.rollup import LatencySummary, Rollup

_PICO: Final = Decimal(10) ** 12
_PICOUSD_MAX: Final = 10**18

Row = tuple[Any, ...]


ROLLUP_COLUMNS: Final = (
    "window_start, channel, source, window_s, attempts, successes, throttles, ignored, failures, "
    "latency, latency_sketch, first_chunk, first_chunk_sketch, usage, cost_picousd, unpriced_attempts, "
    "segment, metrics"
)
LEDGER_COLUMNS: Final = "request_id, number, started_at, channel, cost_picousd, price_source, input_tokens, output_tokens, attempt, meter"
RECORD_COLUMNS: Final = "kind, id, at, body"


def to_picousd(usd: Decimal) -> int:
    """Whole pico-dollars. Exact for prices with up to six decimals per million tokens; rounded half-even beyond."""
    pico = int((usd * _PICO).to_integral_value(ROUND_HALF_EVEN))
    return max(-_PICOUSD_MAX, min(pico, _PICOUSD_MAX))


def to_usd(pico: int) -> Decimal:
    return Decimal(pico) / _PICO


def rollup_row(rollup: Rollup) -> Row:
    return (
        rollup.window_start,
        rollup.channel,
        rollup.source,
        rollup.window_s,
        rollup.attempts,
        rollup.successes,
        rollup.throttles,
        rollup.ignored,
        orjson.dumps({kind.value: count for kind, count in rollup.failures.items()}).decode(),
        _summary(rollup.latency),
        rollup.latency.sketch,
        _summary(rollup.first_chunk),
        rollup.first_chunk.sketch,
        _usage(rollup.usage),
        to_picousd(rollup.cost_usd),
        rollup.unpriced_attempts,
        rollup.segment,
        " ".join(rollup.metrics),
    )


def rollup_of(row: Row) -> Rollup:
    return Rollup(
        window_start=row[0],
        channel=ChannelId(row[1]),
        source=row[2],
        window_s=row[3],
        attempts=row[4],
        successes=row[5],
        throttles=row[6],
        ignored=row[7],
        failures={FailureClass(name): count for name, count in orjson.loads(row[8]).items()},
        latency=_summary_of(row[9], row[10]),
        first_chunk=_summary_of(row[11], row[12]),
        usage=Usage(*orjson.loads(row[13])),
        cost_usd=to_usd(row[14]),
        unpriced_attempts=row[15],
        segment=row[16],
        metrics=tuple(row[17].split()),
    )


def ledger_row(entry: LedgerEntry) -> Row:
    attempt = entry.attempt
    tokens = tokens_of(attempt.usage)
    return (
        attempt.request_id,
        attempt.number,
        attempt.started_at,
        attempt.channel,
        None if entry.cost_usd is None else to_picousd(entry.cost_usd),
        entry.price_source,
        sum(tokens[:3]),
        tokens[3],
        orjson.dumps(attempt_fields(attempt)).decode(),
        meter_text(entry.prices, entry.seller),
    )


def meter_text(prices: UsedPrices | None, seller: Seller = NOBODY) -> str:
    return orjson.dumps(meter_fields(seller, prices)).decode()


def record_row(record: Record) -> Row:
    return record.kind, record.id, record.at, record.body


def record_of(row: Row) -> Record:
    return Record(kind=row[0], id=row[1], at=row[2], body=row[3])


def entry_of(row: Row) -> LedgerEntry:
    cost = None if row[4] is None else to_usd(row[4])
    attempt = attempt_of(
        orjson.loads(row[8]),
        request_id=row[0],
        number=row[1],
        started_at=row[2],
        channel=row[3],
        cost_usd=cost,
    )
    meter = orjson.loads(row[9])
    return LedgerEntry(
        attempt=attempt,
        cost_usd=cost,
        price_source=row[5],
        seller=seller_of(meter),
        prices=prices_of(meter),
    )


def _usage(usage: Usage) -> str:
    return orjson.dumps(tokens_of(usage)).decode()


def _summary(summary: LatencySummary) -> str:
    numbers = [summary.count, summary.total_s, summary.p50_s, summary.p95_s, summary.p99_s]
    if summary.slowdown_count:
        numbers += [summary.slowdown_total, summary.slowdown_count]
    return orjson.dumps(numbers).decode()


def _summary_of(text: str, sketch: bytes) -> LatencySummary:
    count, total_s, p50_s, p95_s, p99_s, *slowdown = orjson.loads(text)
    slowdown_total, slowdown_count = slowdown or (0.0, 0)
    return LatencySummary(
        count=count,
        total_s=total_s,
        p50_s=p50_s,
        p95_s=p95_s,
        p99_s=p99_s,
        sketch=sketch,
        slowdown_total=slowdown_total,
        slowdown_count=slowdown_count,
    )

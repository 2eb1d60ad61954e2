"""Values to table rows and back. No database in here."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import orjson

from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId, KeyId, RegionId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.core.rollup import LatencySummary, Rollup

_PICO: Final = Decimal(10) ** 12
_USAGE = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")

Row = tuple[Any, ...]


def to_picousd(usd: Decimal) -> int:
    """Whole pico-dollars. Exact for prices with up to six decimals per million tokens; rounded half-even beyond."""
    return int((usd * _PICO).to_integral_value(ROUND_HALF_EVEN))


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
    )


def ledger_row(entry: LedgerEntry) -> Row:
    attempt = entry.attempt
    usage = attempt.usage
    return (
        attempt.request_id,
        attempt.number,
        attempt.started_at,
        attempt.channel,
        None if entry.cost_usd is None else to_picousd(entry.cost_usd),
        entry.price_source,
        usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens,
        usage.output_tokens,
        _attempt(attempt),
    )


def entry_of(row: Row) -> LedgerEntry:
    cost = None if row[4] is None else to_usd(row[4])
    body = orjson.loads(row[8])
    attempt = Attempt(
        request_id=RequestId(row[0]),
        number=row[1],
        started_at=row[2],
        channel=ChannelId(row[3]),
        cost_usd=cost,
        route=RouteName(body["route"]),
        duration_s=body["duration_s"],
        outcome=Outcome(body["outcome"]),
        reason=PickReason(body["reason"]),
        plan_version=body["plan_version"],
        client_region=_named(RegionId, body["client_region"]),
        key_id=_named(KeyId, body["key_id"]),
        stream=body["stream"],
        time_to_first_chunk_s=body["time_to_first_chunk_s"],
        failure_class=_named(FailureClass, body["failure_class"]),
        phase=Phase(body["phase"]),
        status=body["status"],
        usage=Usage(*body["usage"]),
        hedge=body["hedge"],
        retry_after_s=body["retry_after_s"],
        error=body["error"],
    )
    return LedgerEntry(attempt=attempt, cost_usd=cost, price_source=row[5])


def _attempt(attempt: Attempt) -> str:
    body = {
        "route": attempt.route,
        "duration_s": attempt.duration_s,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
        "plan_version": attempt.plan_version,
        "client_region": attempt.client_region,
        "key_id": attempt.key_id,
        "stream": attempt.stream,
        "time_to_first_chunk_s": attempt.time_to_first_chunk_s,
        "failure_class": attempt.failure_class,
        "phase": attempt.phase,
        "status": attempt.status,
        "usage": [getattr(attempt.usage, name) for name in _USAGE],
        "hedge": attempt.hedge,
        "retry_after_s": attempt.retry_after_s,
        "error": attempt.error,
    }
    return orjson.dumps(body).decode()


def _named(kind: Any, value: str | None) -> Any:
    return None if value is None else kind(value)


def _usage(usage: Usage) -> str:
    return orjson.dumps([getattr(usage, name) for name in _USAGE]).decode()


def _summary(summary: LatencySummary) -> str:
    return orjson.dumps(
        [summary.count, summary.total_s, summary.p50_s, summary.p95_s, summary.p99_s]
    ).decode()


def _summary_of(text: str, sketch: bytes) -> LatencySummary:
    count, total_s, p50_s, p95_s, p99_s = orjson.loads(text)
    return LatencySummary(count=count, total_s=total_s, p50_s=p50_s, p95_s=p95_s, p99_s=p99_s, sketch=sketch)

"""What was spent in the current budget period: by day and by channel, from the ledger alone."""

from typing import Any, Final

from foreroute.core.ledger import Spend
from foreroute.dashboard.sources import Sources

_DAY_S: Final = 86_400.0
_PERIOD_DAYS_MAX: Final = 32

Row = dict[str, Any]


async def spend_of(sources: Sources, at: float) -> Row:
    """Totals since the period began. The days are 24 hours each, counted from its start; their sum is the total."""
    start_at = sources.period_start(at)
    if start_at >= at:  # no budget: the last 30 days
        start_at = at - 30 * _DAY_S
    days: list[Row] = []
    begin = start_at
    while begin < at and len(days) < _PERIOD_DAYS_MAX:
        end = min(begin + _DAY_S, at)
        spent = await sources.ledger.spend(start_at=begin, end_at=end)
        days.append({"start_at": begin, "usd": str(sum((one.cost_usd for one in spent.values()), _NOTHING))})
        begin += _DAY_S
    by_channel = await sources.ledger.spend(start_at=start_at, end_at=at)
    return {
        "start_at": start_at,
        "end_at": at,
        "days": days,
        "by_channel": [
            {
                "channel": channel,
                "usd": str(spend.cost_usd),
                "attempts": spend.attempts,
                "unpriced_attempts": spend.unpriced_attempts,
            }
            for channel, spend in sorted(by_channel.items())
        ],
    }


_NOTHING: Final = Spend().cost_usd

"""What requests have been like, for the estimate of how many are needed."""

from collections.abc import Sequence
from typing import Final

from foreroute.core.attempt import Attempt
from foreroute.core.experiment import SHADOW_NUMBER
from foreroute.core.experiment_ports import MarkedLedger
from foreroute.experiment.definition import DAY_S, Definition
from foreroute.experiment.requests import Expected, Values, values_of
from foreroute.experiment.size import Size, estimate

_PAST_S: Final = 7 * DAY_S
_ROWS: Final = 20_000


async def size_of(definition: Definition, ledger: MarkedLedger, expected: Expected, at: float) -> Size:
    """From the newest attempts of the last week on the experiment's routes."""
    entries = await ledger.recent(definition.routes, at - _PAST_S, _ROWS)
    attempts = [entry.attempt for entry in entries if entry.attempt.number < SHADOW_NUMBER]
    first_at = min((one.started_at for one in attempts), default=at)
    return estimate(definition, _requests(attempts, expected, definition), seconds=at - first_at)


def _requests(
    attempts: Sequence[Attempt], expected: Expected, definition: Definition
) -> list[tuple[Values, Values]]:
    """Values, and what is usual for requests of that size."""
    grouped: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        grouped.setdefault(attempt.request_id, []).append(attempt)
    found: list[tuple[Values, Values]] = []
    for parts in grouped.values():
        parts.sort(key=lambda one: one.number)
        if parts[0].number == 1:
            first = parts[0]
            before = expected(first.asked, first.stream) if definition.use_work else {}
            found.append((values_of(parts), before))
    return found

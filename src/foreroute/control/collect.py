"""The first step of a tick: attempts become ledger rows and rollups, and nothing is lost when a store is down."""

from foreroute.control.stages import Stages
from foreroute.core.attempt import Attempt
from foreroute.core.errors import StoreUnavailable
from foreroute.core.ledger import LedgerEntry
from foreroute.core.rollup import Rollup
from foreroute.core.work import NO_RATIO


class Collection:
    """Keeps what a store has not taken yet, and offers it again at the next tick: appends are idempotent."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._entries: list[LedgerEntry] = []
        self._rollups: dict[tuple[str, str, float, str], Rollup] = {}

    @property
    def waiting(self) -> int:
        """Ledger rows that no store has taken yet."""
        return len(self._entries)

    def take(self, at: float) -> tuple[tuple[Rollup, ...], Exception | None]:
        """The channels' rollups that the attempts since the last call have changed, and what went wrong on the way.

        Rollups of segments are stored with them; no stage looks at them.
        """
        error: Exception | None = None
        try:
            attempts = self._stages.intake.drain()
        except OSError as failure:  # no file can be opened, for one: what waits is taken the next time
            attempts, error = [], failure
        try:
            entries = list(self._stages.cost.price(attempts))
        except Exception as failure:  # noqa: BLE001 - stage boundary: an unpriced attempt is better than a lost one
            error, entries = failure, [_unpriced(attempt) for attempt in attempts]
        self._entries += entries
        try:
            ratios = self._stages.work.observe(attempts, at)
        except Exception as failure:  # noqa: BLE001 - stage boundary: a minute without slowdown is better than none
            error, ratios = failure, [NO_RATIO] * len(attempts)
        try:
            if self._stages.learning is not None:
                self._stages.learning.observe(attempts)
            if self._stages.incidents is not None:
                self._stages.incidents.observe(attempts)
        except Exception as failure:  # noqa: BLE001 - stage boundary: what is not learnt now is learnt the next time
            error = failure
        try:
            if self._stages.tuning is not None:
                self._stages.tuning.observe(attempts)
        except Exception as failure:  # noqa: BLE001 - stage boundary: limits stay as they are
            error = failure
        self._stages.fold.add([entry.attempt for entry in entries], ratios)
        changed = self._stages.fold.changed()
        self._rollups |= {(one.channel, one.segment, one.window_start, one.source): one for one in changed}
        return tuple(rollup for rollup in changed if not rollup.segment), error

    async def save(self) -> None:
        """Raises StoreError; what was not taken stays for the next call. Then the intake may let go of it."""
        entries, rollups = tuple(self._entries), dict(self._rollups)
        if entries or rollups:
            await self._stages.append(entries, tuple(rollups.values()))
            del self._entries[: len(entries)]
            self._rollups = {
                key: value for key, value in self._rollups.items() if rollups.get(key) is not value
            }
        if not self._entries:
            try:
                self._stages.intake.saved()
            except OSError as error:
                raise StoreUnavailable(f"what is stored could not be cleared away: {error}") from error


def _unpriced(attempt: Attempt) -> LedgerEntry:
    return LedgerEntry(attempt=attempt, cost_usd=None, price_source="unpriced")

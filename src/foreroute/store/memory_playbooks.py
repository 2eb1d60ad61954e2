"""Runs of playbooks in memory: what the journal of every store must do."""

from collections.abc import Mapping, Sequence

from foreroute.core.playbook_ports import KeptRun


def fits(kept: Mapping[str, KeptRun], run: KeptRun) -> bool:
    """Whether this revision may follow what is kept: the next one, or the same again."""
    before = kept.get(run.id)
    if before is None:
        return run.revision == 1
    return run == before or run.revision == before.revision + 1


class MemoryRunJournal:
    def __init__(self) -> None:
        self._runs: dict[str, KeptRun] = {}

    async def save(self, runs: Sequence[KeptRun]) -> bool:
        after = dict(self._runs)
        for run in runs:
            if not fits(after, run):
                return False
            after[run.id] = run
        self._runs = after
        return True

    async def open(self, at: float) -> list[KeptRun]:
        return sorted((run for run in self._runs.values() if run.open_until > at), key=_order)

    async def recent(
        self, *, since_at: float = 0.0, playbook: str | None = None, limit: int = 100
    ) -> list[KeptRun]:
        found = [
            run
            for run in self._runs.values()
            if run.started_at >= since_at and playbook in (None, run.playbook)
        ]
        return sorted(found, key=_order)[-limit:] if limit > 0 else []

    async def prune(self, before_at: float) -> int:
        gone = [
            run.id
            for run in self._runs.values()
            if run.started_at < before_at and run.open_until <= before_at
        ]
        for name in gone:
            del self._runs[name]
        return len(gone)


def _order(run: KeptRun) -> tuple[float, str]:
    return run.started_at, run.id

"""Experiments in memory: what a real store must do is what these do."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from foreroute.core.experiment_ports import KeptScore, KeptTally
from foreroute.core.ledger import LedgerEntry


class MemoryRuns:
    def __init__(self) -> None:
        self._bodies: dict[tuple[str, str], bytes] = {}

    async def read(self, kind: str) -> Mapping[str, bytes]:
        return {name: self._bodies[of, name] for of, name in sorted(self._bodies) if of == kind}

    async def put(self, kind: str, name: str, body: bytes) -> None:
        self._bodies[kind, name] = body


class MemoryTallies:
    def __init__(self) -> None:
        self._tallies: dict[str, KeptTally] = {}

    async def read(self, run: str) -> KeptTally | None:
        return self._tallies.get(run)

    async def save(self, tally: KeptTally) -> None:
        before = self._tallies.get(tally.run)
        units = tally.units if before is None else {**before.units, **tally.units}
        self._tallies[tally.run] = replace(tally, units=units)

    async def forget_units(self, run: str) -> None:
        if run in self._tallies:
            self._tallies[run] = replace(self._tallies[run], units={})


class MemoryScores:
    def __init__(self) -> None:
        self._scores: dict[tuple[str, str], KeptScore] = {}

    async def add(self, score: KeptScore) -> tuple[KeptScore, bool]:
        key, row = (score.run, score.request_id), len(self._scores) + 1
        is_new = key not in self._scores
        return self._scores.setdefault(key, replace(score, row=row)), is_new

    async def since(self, run: str, row: int) -> Sequence[KeptScore]:
        return [one for one in self._scores.values() if one.run == run and one.row > row]


class MemoryMarkedLedger:
    """`add` is told of every new entry of the ledger."""

    def __init__(self) -> None:
        self._rows: list[LedgerEntry] = []

    def add(self, entry: LedgerEntry) -> None:
        self._rows.append(entry)

    async def newest(self) -> int:
        return len(self._rows)

    async def marked(self, after: int, limit: int) -> tuple[int, Sequence[tuple[int, LedgerEntry]]]:
        later = enumerate(self._rows[after:], start=after + 1)
        found = [(row, entry) for row, entry in later if entry.attempt.arms][:limit]
        return (found[-1][0] if len(found) == limit else len(self._rows)), found

    async def recent(self, routes: Sequence[str], since_at: float, limit: int) -> Sequence[LedgerEntry]:
        found = [one for one in self._rows if one.attempt.route in routes]
        found = [one for one in found if one.attempt.started_at >= since_at]
        return sorted(found, key=lambda one: -one.attempt.started_at)[:limit]


class MemoryExperiments:
    def __init__(self) -> None:
        self.runs = MemoryRuns()
        self.tallies = MemoryTallies()
        self.scores = MemoryScores()
        self.marked = MemoryMarkedLedger()

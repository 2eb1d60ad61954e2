"""Keeps the tallies of running experiments: from the ledger's rows, each counted once, whatever happens in between."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from foreroute.core.attempt import Asked
from foreroute.core.errors import StoreCorrupt
from foreroute.core.experiment_ports import ExperimentStore, KeptTally
from foreroute.core.ids import ChannelId
from foreroute.core.work import Expectation, Work
from foreroute.experiment.cells import Cells
from foreroute.experiment.measures import Measure
from foreroute.experiment.requests import Expected
from foreroute.experiment.runs import Run
from foreroute.experiment.tally import Tally

_ROWS: Final = 5000
"""So many at a time: a plane that comes back after a day does not read it in one piece."""


class Count:
    """The tally of one run, and up to which rows it reaches."""

    def __init__(self, tally: Tally, ledger_row: int, score_row: int = 0) -> None:
        self.tally = tally
        self.ledger_row = ledger_row
        self.score_row = score_row


class Counting:
    """`follow` a run, `advance` now and then, `leave` it in the end. Raises StoreError; what was not stored is counted
    again from where the store is.
    """

    def __init__(self, store: ExperimentStore, models: Callable[[], Mapping[ChannelId, Expectation]]) -> None:
        self._store = store
        self._models = models
        self._expectations: Mapping[ChannelId, Expectation] = {}
        self.counts: dict[str, Count] = {}

    async def follow(self, run: Run) -> Count:
        """Takes up what is stored of it, or begins with the next attempt."""
        tally = Tally(run, self._expected)
        kept = await self._store.tallies.read(run.id)
        if kept is None:
            count = Count(tally, await self._store.marked.newest())
        else:
            _restore(tally, kept)
            count = Count(tally, kept.ledger_row, kept.score_row)
        self.counts[run.id] = count
        return count

    async def advance(self, at: float) -> None:
        """Counts what the ledger has got since. All of it, or as much as one piece holds."""
        if not self.counts:
            return
        self._expectations = self._models()
        after = min(count.ledger_row for count in self.counts.values())
        last, found = await self._store.marked.marked(after, _ROWS)
        try:
            for name, count in list(self.counts.items()):
                new = [entry for row, entry in found if row > count.ledger_row]
                count.tally.take(new, at)
                count.ledger_row = max(count.ledger_row, last)
                await self._add_scores(name, count)
                await self._save(name, count)
        except Exception:
            self.counts = {}  # what is in memory may be ahead of the store: it is taken up from there
            raise

    async def leave(self, name: str) -> None:
        self.counts.pop(name, None)
        await self._store.tallies.forget_units(name)

    async def past(self, run: Run) -> Tally:
        """The sums of a run that is over, to look at."""
        tally = Tally(run, self._expected)
        kept = await self._store.tallies.read(run.id)
        if kept is not None:
            _restore(tally, kept)
        return tally

    async def _add_scores(self, name: str, count: Count) -> None:
        for score in await self._store.scores.since(name, count.score_row):
            count.tally.score(score.arm, score.unit, score.started_at, score.score)
            count.score_row = score.row

    async def _save(self, name: str, count: Count) -> None:
        tally = count.tally
        units = {unit: tally.units[unit] for unit in tally.changed_units}
        await self._store.tallies.save(
            KeptTally(
                run=name,
                ledger_row=count.ledger_row,
                score_row=count.score_row,
                body=orjson.dumps(tally.dump(), option=orjson.OPT_NON_STR_KEYS),
                units={unit: (cells.arm, cells.dump()) for unit, cells in units.items()},
            )
        )
        tally.changed_units.clear()

    def expected_now(self) -> Expected:
        known = self._models()
        return lambda asked, stream: expected(known, asked, stream=stream)

    def _expected(self, asked: Asked, stream: bool) -> Mapping[Measure, float]:
        return expected(self._expectations, asked, stream=stream)


def expected(
    expectations: Mapping[ChannelId, Expectation], asked: Asked, *, stream: bool
) -> dict[Measure, float]:
    """What such a request usually takes, over all channels alike: the arm that it is in must not show in it."""
    whole: list[float] = []
    first: list[float] = []
    outputs: list[float] = []
    for expectation in expectations.values():
        model = expectation.model
        work = Work(asked.input_tokens, 0, stream, asked.tools)
        tokens = model.output_tokens(work, asked.output_tokens_max)
        if tokens is None:
            continue
        outputs.append(tokens)
        seconds = model.whole_s(Work(asked.input_tokens, round(tokens), stream, asked.tools))
        if seconds is not None:
            whole.append(math.log(seconds))
        chunk_s = model.first_chunk_s(work) if stream else None
        if chunk_s is not None:
            first.append(math.log(chunk_s))
    found: dict[Measure, float] = {}
    if whole:
        found[Measure.LATENCY] = sum(whole) / len(whole)
        found[Measure.LATENCY_MEAN] = math.exp(found[Measure.LATENCY])
    if first:
        found[Measure.FIRST_CHUNK] = sum(first) / len(first)
    if outputs:
        found[Measure.TOKENS] = found[Measure.COST] = sum(outputs) / len(outputs)
    return found


def _restore(tally: Tally, kept: KeptTally) -> None:
    try:
        state: dict[str, Any] = orjson.loads(kept.body)
        tally.load(state, {unit: Cells(arm, sums) for unit, (arm, sums) in kept.units.items()})
    except (ValueError, KeyError, TypeError) as error:
        raise StoreCorrupt(f"the stored sums of {kept.run} cannot be read: {error!r}") from None

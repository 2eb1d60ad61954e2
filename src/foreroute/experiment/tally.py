"""All that is known of a run: sums by arm, and nothing of single requests but of those that are not over yet."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from foreroute.core.experiment import SHADOW_NUMBER, ExperimentKind, Unit
from foreroute.core.ledger import LedgerEntry
from foreroute.experiment.buckets import Buckets
from foreroute.experiment.cells import Cells
from foreroute.experiment.measures import COUNTED, QUANTILES, Measure
from foreroute.experiment.moments import Moments
from foreroute.experiment.requests import Expected, Requests, Seen
from foreroute.experiment.runs import Run

UNITS_MAX: Final = 200_000
_PAIRS_MAX: Final = 5000
"""Halves that wait for their other half: copies that were never sent do not pile up."""


@dataclass(slots=True)
class ArmSums:
    """Of one arm. `drawn` counts what was assigned: requests, or units."""

    drawn: int = 0
    requests: int = 0
    moments: dict[Measure, Moments] = field(default_factory=lambda: {m: Moments() for m in COUNTED})
    buckets: dict[Measure, Buckets] = field(
        default_factory=lambda: {m: Buckets() for m in QUANTILES.values()}
    )


class Tally:
    """`take` attempts and `score`s as they come, then look. Exact to keep and to take up again: `dump`, `load`."""

    def __init__(self, run: Run, expected: Expected) -> None:
        definition = run.definition
        self.run = run
        self.arms = {arm.name: ArmSums() for arm in definition.arms}
        self.pairs = {arm.name: {measure: Moments() for measure in COUNTED} for arm in definition.arms[1:]}
        """Of shadows: what the copy made of it minus what the request itself did; failures: who failed alone."""
        self.discordant = {arm.name: [0, 0] for arm in definition.arms[1:]}
        """Of shadows: requests where only the request failed, and where only the copy did."""
        self.slots: dict[int, Cells] = {}
        self.units: dict[str, Cells] = {}
        self.changed_units: set[str] = set()
        """Since they were last stored."""
        self.units_left_out = 0
        self.copies_usd = Decimal(0)
        self.requests = Requests(run.id, expected)
        self._unpaired: dict[str, dict[str, Mapping[Measure, float]]] = {}
        self._before: dict[Measure, list[float]] = {measure: [0.0, 0.0] for measure in COUNTED}
        """Count and sum of what was known before: its mean stands in where nothing is."""

    @property
    def late(self) -> int:
        return self.requests.late

    def take(self, entries: Iterable[LedgerEntry], at: float) -> None:
        entries = list(entries)
        for entry in entries:
            if (
                any(mark.run == self.run.id for mark in entry.attempt.arms)
                and entry.attempt.number >= SHADOW_NUMBER
            ):
                self.copies_usd += entry.cost_usd or Decimal(0)
        for seen in self.requests.take(entries, at):
            self._add(seen)

    def score(self, arm: str, unit: str, started_at: float, score: float) -> None:
        """A score of the answer to a request that began then. The caller counts each request once."""
        if arm not in self.arms or started_at < self.run.begins_at or self._is_washed_out(started_at):
            return
        add = self._place_of(arm, unit)
        if add is not None:
            add({Measure.QUALITY: score}, {})

    def _add(self, seen: Seen) -> None:
        if seen.mark.arm not in self.arms:
            return
        definition = self.run.definition
        if definition.kind is ExperimentKind.SHADOW:
            self._pair(seen)
            return
        if self._is_washed_out(seen.started_at):
            return
        if seen.started_at < self.run.begins_at:
            self._add_before(seen)
            return
        add = self._place_of(seen.mark.arm, seen.mark.unit)
        if add is not None:
            self.arms[seen.mark.arm].requests += 1
            add(seen.values, seen.before)

    def _place_of(
        self, arm: str, unit: str
    ) -> Callable[[Mapping[Measure, float], Mapping[Measure, float]], None] | None:
        """Where values go: None when there is no place for them."""
        definition = self.run.definition
        if definition.kind is ExperimentKind.SWITCHBACK:
            cells = self.slots.setdefault(int(unit), Cells(arm))
            return lambda values, before: self._into(cells, values, before)
        if definition.unit is Unit.REQUEST:
            return lambda values, before: self._directly(arm, values, before)
        found = self._unit(arm, unit)
        return None if found is None else lambda values, before: self._into(found, values, before)

    def _directly(self, arm: str, values: Mapping[Measure, float], before: Mapping[Measure, float]) -> None:
        sums = self.arms[arm]
        if Measure.QUALITY not in values:
            sums.drawn += 1
        for measure, value in values.items():
            sums.moments[measure].add(1.0, value, self._x(measure, before.get(measure)))
            if measure in sums.buckets:
                sums.buckets[measure].add(value)

    def _into(self, cells: Cells, values: Mapping[Measure, float], before: Mapping[Measure, float]) -> None:
        moments = self.arms[cells.arm].moments
        for measure, value in values.items():
            known = cells.mean_before(measure) if self.run.definition.warm_up_s else before.get(measure)
            was = cells.sums(measure)
            cells.add(measure, value, self._x(measure, known))
            if self.run.definition.kind is ExperimentKind.SWITCHBACK:
                continue
            if was[0]:
                moments[measure].change(was, cells.sums(measure))
            else:
                moments[measure].add(*cells.sums(measure))

    def _unit(self, arm: str, unit: str) -> Cells | None:
        cells = self.units.get(unit)
        if cells is None:
            if len(self.units) >= UNITS_MAX:
                self.units_left_out += 1
                return None
            cells = self.units[unit] = Cells(arm)
            self.arms[arm].drawn += 1
        self.changed_units.add(unit)
        return cells

    def _add_before(self, seen: Seen) -> None:
        cells = self._unit(seen.mark.arm, seen.mark.unit)
        if cells is None:
            return
        for measure, value in seen.values.items():
            cells.add_before(measure, value)
            self._note_before(measure, value)

    def _x(self, measure: Measure, known: float | None) -> float:
        """What was known before, or what was known of others."""
        definition = self.run.definition
        if not (definition.use_work or definition.warm_up_s):
            return 0.0
        count, total = self._before[measure]
        if known is None:
            return total / count if count else 0.0
        if not definition.warm_up_s:
            self._note_before(measure, known)
        return known

    def _note_before(self, measure: Measure, value: float) -> None:
        self._before[measure][0] += 1.0
        self._before[measure][1] += value

    def _is_washed_out(self, started_at: float) -> bool:
        definition = self.run.definition
        if definition.kind is not ExperimentKind.SWITCHBACK:
            return False
        return (started_at - self.run.begins_at) % definition.slot_s < definition.washout_s

    def _pair(self, seen: Seen) -> None:
        """Both halves of a pair have to come; which comes first is chance."""
        sums = self.arms[seen.mark.arm]
        sums.requests += 1
        sums.drawn += 1
        for measure, value in seen.values.items():
            sums.moments[measure].add(1.0, value, 0.0)
            if measure in sums.buckets:
                sums.buckets[measure].add(value)
        waiting = self._unpaired.setdefault(seen.request_id, {})
        waiting[seen.mark.arm] = seen.values
        control = self.run.definition.arms[0].name
        for arm in [name for name in waiting if name != control and control in waiting]:
            self._compare(arm, waiting[arm], waiting[control])
            del waiting[arm]
        while len(self._unpaired) > _PAIRS_MAX:
            del self._unpaired[next(iter(self._unpaired))]

    def _compare(self, arm: str, copy: Mapping[Measure, float], own: Mapping[Measure, float]) -> None:
        for measure in COUNTED:
            if measure in copy and measure in own:
                self.pairs[arm][measure].add(1.0, copy[measure] - own[measure], 0.0)
        failed = copy.get(Measure.FAILURES, 0.0), own.get(Measure.FAILURES, 0.0)
        if failed[0] != failed[1]:
            self.discordant[arm][int(failed[0])] += 1

    # To be kept -------------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All but the units, which have rows of their own. Plain values."""
        return {
            "arms": {name: _dump_sums(sums) for name, sums in self.arms.items()},
            "pairs": {
                name: {m.value: one.dump() for m, one in found.items()} for name, found in self.pairs.items()
            },
            "discordant": self.discordant,
            "slots": {str(slot): [cells.arm, cells.dump().hex()] for slot, cells in self.slots.items()},
            "units_left_out": self.units_left_out,
            "copies_usd": str(self.copies_usd),
            "requests": self.requests.dump(),
            "unpaired": {
                name: {arm: {m.value: v for m, v in values.items()} for arm, values in found.items()}
                for name, found in self._unpaired.items()
            },
            "before": {measure.value: known for measure, known in self._before.items()},
        }

    def load(self, state: Mapping[str, Any], units: Mapping[str, Cells]) -> None:
        """Raises KeyError, TypeError or ValueError on what `dump` did not make."""
        self.arms = {name: _load_sums(sums) for name, sums in state["arms"].items()}
        self.pairs = {
            name: {Measure(m): Moments(*values) for m, values in found.items()}
            for name, found in state["pairs"].items()
        }
        self.discordant = {name: list(found) for name, found in state["discordant"].items()}
        self.slots = {
            int(slot): Cells(arm, bytes.fromhex(stored)) for slot, (arm, stored) in state["slots"].items()
        }
        self.units = dict(units)
        self.units_left_out = state["units_left_out"]
        self.copies_usd = Decimal(state["copies_usd"])
        self.requests.load(state["requests"])
        self._unpaired = {
            name: {arm: {Measure(m): v for m, v in values.items()} for arm, values in found.items()}
            for name, found in state["unpaired"].items()
        }
        self._before |= {Measure(name): list(known) for name, known in state["before"].items()}


def _dump_sums(sums: ArmSums) -> dict[str, Any]:
    return {
        "drawn": sums.drawn,
        "requests": sums.requests,
        "moments": {measure.value: one.dump() for measure, one in sums.moments.items()},
        "buckets": {measure.value: list(one.counts.items()) for measure, one in sums.buckets.items()},
    }


def _load_sums(state: Mapping[str, Any]) -> ArmSums:
    sums = ArmSums(drawn=state["drawn"], requests=state["requests"])
    sums.moments |= {Measure(name): Moments(*values) for name, values in state["moments"].items()}
    sums.buckets |= {Measure(name): Buckets(dict(counts)) for name, counts in state["buckets"].items()}
    return sums

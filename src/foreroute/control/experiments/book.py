"""What is defined and what was run, as the store has it."""

from collections.abc import Mapping
from dataclasses import dataclass

from foreroute.control.experiments.codec import definition_bytes, read_definition, read_run, run_bytes
from foreroute.control.experiments.refusal import Refused
from foreroute.core.experiment import RunId
from foreroute.core.experiment_ports import RunStore
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Route
from foreroute.experiment.definition import Definition, faults
from foreroute.experiment.runs import Run

_DEFINITION, _RUN = "definition", "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What experiments are made of here."""

    routes: Mapping[RouteName, Route]
    """As configured."""
    channels: frozenset[ChannelId]
    unpriced: frozenset[ChannelId] = frozenset()
    """Channels whose price nobody knows: no copy can be sent to them."""
    definitions: tuple[Definition, ...] = ()
    """Of the configuration file."""
    processes: int = 1
    """So many gateways share a shadow's budget."""


class Book:
    """Each change is in the store before it holds. Raises StoreError."""

    def __init__(self, house: House, store: RunStore) -> None:
        self.house = house
        self._store = store
        self.definitions: dict[str, Definition] = {one.id: one for one in house.definitions}
        self.runs: dict[RunId, Run] = {}
        """All that there ever were, oldest first."""

    async def load(self) -> None:
        for body in (await self._store.read(_DEFINITION)).values():
            kept = read_definition(body)
            self.definitions.setdefault(kept.id, kept)
        found = [read_run(body) for body in (await self._store.read(_RUN)).values()]
        self.runs = {run.id: run for run in sorted(found, key=lambda one: one.started_at)}

    async def keep(self, run: Run) -> Run:
        await self._store.put(_RUN, run.id, run_bytes(run))
        self.runs[run.id] = run
        return run

    async def define(self, definition: Definition) -> None:
        await self._store.put(_DEFINITION, definition.id, definition_bytes(definition))
        self.definitions[definition.id] = definition

    def running(self) -> list[Run]:
        return [run for run in self.runs.values() if run.is_running]

    def is_of_file(self, name: str) -> bool:
        return any(one.id == name for one in self.house.definitions)

    def definition(self, name: str) -> Definition:
        """Raises Refused."""
        found = self.definitions.get(name)
        if found is None:
            known = ", ".join(sorted(self.definitions)) or "none"
            raise Refused(404, f"there is no experiment {name[:60]!r}", f"defined: {known}")
        return found

    def run(self, name: str) -> Run:
        """A run by its own name, or an experiment's newest. Raises Refused."""
        found = self.runs.get(RunId(name)) or self.newest(name)
        if found is None:
            self.definition(name)
            raise Refused(404, f"{name} has not run yet", f"start it: foreroute experiment start {name}")
        return found

    def newest(self, name: str) -> Run | None:
        of_it = [run for run in self.runs.values() if run.definition.id == name]
        return max(of_it, key=lambda run: run.number, default=None)

    def fault_of(self, definition: Definition) -> str | None:
        """The first thing that is wrong with it by now."""
        found = faults(definition, self.house.routes.keys(), self.house.channels)
        return found[0].message if found else None

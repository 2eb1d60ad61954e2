"""Who gets which places of a layer, so that no unit is in two experiments that could disturb each other."""

from collections.abc import Iterable, Iterator, Sequence

from foreroute.core.experiment import PLACES, ExperimentKind
from foreroute.experiment.definition import Definition, Fault
from foreroute.experiment.runs import Run

Slices = tuple[tuple[int, int], ...]


def free_slices(taken: Iterable[tuple[int, int]], share: float) -> Slices | None:
    """The first free places that come to this share of the layer; None: there are not as many."""
    wanted = max(1, round(share * PLACES))
    found: list[tuple[int, int]] = []
    for start, end in _gaps(sorted(taken)):
        some = min(end - start, wanted)
        if some > 0:
            found.append((start, start + some))
            wanted -= some
    return tuple(found) if wanted == 0 else None


def collisions(definition: Definition, running: Sequence[Run]) -> list[Fault]:
    """Running experiments of other layers that change the same thing of the same route."""
    found = []
    for run in running:
        other = run.definition
        shared = sorted(set(definition.routes) & set(other.routes))
        both = sorted(_changes(definition) & _changes(other))
        if other.layer != definition.layer and shared and both:
            message = f"{run.id} changes {both[0]} of {shared[0]} too, in the layer {other.layer}"
            hint = f"use layer: {other.layer}, so that no unit is in both, or stop it first"
            found.append(Fault(("layer",), message, hint))
    return found


def taken_of(layer: str, running: Iterable[Run]) -> list[tuple[int, int]]:
    return [piece for run in running if run.definition.layer == layer for piece in run.slices]


def _gaps(taken: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    at = 0
    for start, end in taken:
        yield at, start
        at = max(at, end)
    yield at, PLACES


def _changes(definition: Definition) -> set[str]:
    """Copies change nothing for anybody. Who answers is one thing, whatever says it."""
    if definition.kind is ExperimentKind.SHADOW:
        return set()
    found: set[str] = set()
    for arm in definition.arms:
        if arm.route is not None:
            found |= {"channels", "timeouts", "hedge_after", "attempts_max", "sticky", "select"}
        if arm.channels:
            found.add("channels")
        named = {
            "timeouts": arm.timeouts != type(arm.timeouts)(),
            "hedge_after": arm.hedge_after_s is not None,
            "attempts_max": arm.attempts_max is not None,
            "channels ": arm.sticky is not None or arm.select is not None,
        }
        found |= {name.strip() for name, changed in named.items() if changed}
    return found

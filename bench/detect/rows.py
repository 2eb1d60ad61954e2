"""From outcomes to the rows of the table: the same six figures for everybody, targets for ours alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.report import Row
from foreroute.detect.evaluate import Outcome


@dataclass(frozen=True, slots=True)
class Figure:
    """One property of an outcome: its name in the row, in words, how to read it, and what is wanted of it."""

    name: str
    what: str
    unit: str
    sign: str
    wanted: float

    def of(self, outcome: Outcome) -> float:
        return {
            "precision": outcome.precision,
            "recall": outcome.recall,
            "f1": outcome.f1,
            "fpr": outcome.false_positive_rate,
            "alarms_per_channel_day": outcome.false_alarms_per_day,
            "delay_min": outcome.delay_s / 60.0,
        }[self.name]

    def holds(self, value: float) -> bool:
        return {
            ">": value > self.wanted,
            "<": value < self.wanted,
            "≤": value <= self.wanted,
        }[self.sign]


FIGURES: Final = (
    Figure("precision", "alarms that belong to a fault", "ratio", ">", 0.9),
    Figure("recall", "faults found", "ratio", ">", 0.85),
    Figure("f1", "of both", "ratio", ">", 0.87),
    Figure("fpr", "usual windows flagged", "ratio", "<", 0.01),
    Figure("alarms_per_channel_day", "false alarms", "1/day", "<", 0.3),
    Figure("delay_min", "median delay", "min", "≤", 3.0),
)
EVENT_F1: Final = {"web_service_1min": 0.88, "web_kpi_1min": 0.70}
_SERIES_DAY: Final = 0.1


def fault_rows(
    mine: Outcome, parts: Mapping[str, Outcome], others: Mapping[str, Outcome], how: str
) -> list[Row]:
    """Ours with targets, ours by what the fault is, and every other's."""
    cells = _cells(mine, others)
    rows = [
        Row(
            id=f"detect.{one.name}",
            what=one.what,
            value=one.of(mine),
            unit=one.unit,
            target=f"{one.sign} {one.wanted:g}",
            holds=one.holds(one.of(mine)),
            how=how,
            cells=cells,
        )
        for one in FIGURES
    ]
    for name, outcome in [*parts.items(), *others.items()]:
        rows += [
            Row(
                id=f"detect.{name}.{one.name}",
                what=f"{name}: {one.what}",
                value=one.of(outcome),
                unit=one.unit,
                how=how,
            )
            for one in FIGURES
        ]
    return rows


def label_rows(name: str, mine: Outcome, others: Mapping[str, Outcome], how: str) -> list[Row]:
    """Ours with targets on one labelled set, beside the best of the others, and every other's."""
    start, wanted = f"detect.labelled.{name}", EVENT_F1[name]
    best = max(others, key=lambda other: others[other].f1, default="")
    beside = f"{best} {others[best].f1:.3f}" if best else None
    rows = [
        Row(
            id=f"{start}.event_f1",
            what="F1 by event",
            value=mine.f1,
            unit="ratio",
            target=f"≥ {wanted}",
            holds=mine.f1 >= wanted and all(mine.f1 > one.f1 for one in others.values()),
            how=how,
            cells=_cells(mine, others),
            baseline=beside,
        ),
        Row(
            id=f"{start}.alarms_per_series_day",
            what="false alarms",
            value=mine.false_alarms_per_day,
            unit="1/day",
            target=f"≤ {_SERIES_DAY}",
            holds=mine.false_alarms_per_day <= _SERIES_DAY,
            how=how,
        ),
    ]
    rows += [
        Row(id=f"{start}.{key}", what=what, value=value, unit="ratio", how=how)
        for key, what, value in (
            ("precision", "alarms that belong to an event", mine.precision),
            ("recall", "events found", mine.recall),
            ("point_f1", "F1 by window", mine.point_f1),
            ("k7_f1", "F1, found within 7 windows", mine.limited_f1),
        )
    ]
    return rows + [row for other, one in others.items() for row in _other_labels(other, name, one, how)]


def _other_labels(other: str, name: str, one: Outcome, how: str) -> list[Row]:
    start = f"detect.{other}.labelled.{name}"
    return [
        Row(id=f"{start}.event_f1", what=f"{other}: F1 by event", value=one.f1, unit="ratio", how=how),
        Row(
            id=f"{start}.alarms_per_series_day",
            what=f"{other}: false alarms",
            value=one.false_alarms_per_day,
            unit="1/day",
            how=how,
        ),
    ]


def _cells(mine: Outcome, others: Mapping[str, Outcome]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "f1": one.f1,
            "precision": one.precision,
            "recall": one.recall,
            "point_f1": one.point_f1,
            "k7_f1": one.limited_f1,
        }
        for name, one in {"foreroute": mine, **others}.items()
    }

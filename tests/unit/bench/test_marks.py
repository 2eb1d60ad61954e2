"""Figures of documents: taken from the record, in the form in which they stand there."""

from pathlib import Path

import pytest
from bench.figures import Figures, read, write
from bench.marks import filled, sourceless, unmarked

ROOT = Path(__file__).parents[3]

ROW = {
    "id": "light.speed",
    "what": "speed of light",
    "unit": "ratio",
    "value": 0.12345,
    "baseline": "sound 0.5, of 22,385",
    "interval": [0.1, 0.2],
    "cells": {"ours": {"f1": 0.9}},
}
FIGURES = Figures({}).replaced("light", [ROW], version="1", day="2026-01-01", quick=False)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("0.99<!--light.speed-->", "0.12<!--light.speed-->"),
        ("9<!--light.speed %-->", "12<!--light.speed %-->"),
        ("9.9<!--light.speed %--> %", "12.3<!--light.speed %--> %"),
        ("0.0<!--light.speed low--> to 0.0<!--light.speed high-->", "0.1<!--light.speed low--> to 0.2<!--light.speed high-->"),
        ("0.0<!--light.speed beside-->", "0.5<!--light.speed beside-->"),
        ("1.00<!--light.speed beside 2 /1000--> k", "22.39<!--light.speed beside 2 /1000--> k"),
        ("1,000<!--light.speed beside 2-->", "22,385<!--light.speed beside 2-->"),
        ("0.00<!--light.speed cell ours/f1-->", "0.90<!--light.speed cell ours/f1-->"),
        ("90<!--light.speed cell ours/f1 %-->", "90<!--light.speed cell ours/f1 %-->"),
        ("0.99 <!-- a remark --> 3", "0.99 <!-- a remark --> 3"),
    ],
)  # fmt: skip
def test_a_marked_figure_is_that_of_the_record(before: str, after: str) -> None:
    assert filled(f"a {before} b", FIGURES) == (f"a {after} b", [])


@pytest.mark.parametrize(
    ("mark", "what"),
    [
        ("light.colour", "no benchmark on record has printed light.colour"),
        ("light.speed beside 3", "light.speed has no beside 3"),
        ("light.speed cell ours/recall", "light.speed has no cell ours/recall"),
        ("light.speed upwards", "light.speed has no upwards"),
    ],
)
def test_a_mark_without_a_figure_is_reported_with_its_line(mark: str, what: str) -> None:
    text, faults = filled(f"first\n0.5<!--{mark}-->", FIGURES)
    assert text == f"first\n0.5<!--{mark}-->"
    assert [(fault.line, fault.what) for fault in faults] == [(2, what)]


def test_numbers_without_a_mark_are_found_and_targets_are_none() -> None:
    table = "| speed over 9 | 0.5<!--light.speed--> | wanted: 0.3; sound 0.7 | `make` |"
    assert list(unmarked(table)) == ["0.7 in 'wanted: 0.3; sound 0.7'"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("Measured: 12 ms.", ["Speed"]),
        ("Measured: 12 ms (`make bench NAME=light`).", []),
        ("Measured: 12<!--light.speed--> ms.", []),
        ("The limit is 12 ms.", []),
        ("Measured (wanted: 12 ms).", []),
    ],
)
def test_a_measured_figure_needs_a_mark_or_its_command(body: str, found: list[str]) -> None:
    assert list(sourceless(f"# Light\n\nA page.\n\n## Speed\n\n{body}\n")) == found


def test_the_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path / "figures.json", FIGURES)
    assert read(tmp_path / "figures.json").runs == FIGURES.runs
    assert not read(tmp_path / "none.json").runs
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ValueError, match=r"bad\.json is no record of figures"):
        read(tmp_path / "bad.json")


def test_a_new_run_replaces_the_old_one_as_a_whole() -> None:
    later = FIGURES.replaced(
        "light", [{**ROW, "id": "light.colour"}], version="2", day="2026-02-01", quick=True
    )
    assert later.figure("light.speed") is None
    assert later.figure("light.colour") is not None
    assert FIGURES.figure("light.speed") is not None


def test_every_measured_number_of_the_readme_is_on_record() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    measured = readme.split("\n## Measured\n")[1].split("\n## ")[0]
    table = "\n".join(
        line for line in measured.splitlines() if line.startswith("| ") and not line.startswith("| what")
    )
    assert len(table.splitlines()) > 20
    assert list(unmarked(table)) == []

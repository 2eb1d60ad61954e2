"""The scorecard: what a figure says of a criterion, and that what is missing is said first."""

import json
import math
import threading
from pathlib import Path

import pytest
from bench.__main__ import names
from bench.scorecard.criteria import CRITERIA, INSTRUMENTS, Criterion, Instrument, Method, Target
from bench.scorecard.measure import Measured, measure, read_output
from bench.scorecard.page import headline, html, markdown
from bench.scorecard.score import Card, Verdict, card

SPEED = Criterion(
    demand="T2", what="speed | of light", target=Target("<", 0.15, "%"), instrument="light", row="light.speed"
)
OPEN = Criterion(demand="G1", what="regions", target=Target("<", 5.0, "s"), missing="nobody has built it")


def made(value: object, *, problem: str = "", **figure: object) -> Card:
    found = {} if problem else {"light.speed": {"value": value, **figure}}
    return card([SPEED, OPEN], {"light": Measured(found, 60.0, problem)}, version="1", quick=False)


def test_every_criterion_is_measured_by_a_benchmark_there_is_or_says_what_is_missing() -> None:
    known = {one.name for one in INSTRUMENTS}
    assert known <= set(names())
    for one in CRITERIA:
        assert bool(one.row) != bool(one.missing), one.what
        assert not one.row or (one.instrument in known and one.row.startswith(f"{one.instrument}.")), one.what
    assert {one.instrument for one in CRITERIA if one.row} == known


@pytest.mark.parametrize(
    ("sign", "value", "holds"),
    [("<", 4.9, True), ("<", 5.0, False), ("≤", 5.0, True), (">", 5.0, False), ("≥", 5.0, True), ("=", 5.0, True),
     ("=", 5.1, False), ("<", math.nan, False), ("≥", math.nan, False), ("=", math.nan, False)],
)  # fmt: skip
def test_a_target_holds_or_does_not(sign: str, value: float, holds: bool) -> None:
    assert Target(sign, 5.0).holds(value) is holds


def test_what_is_missed_comes_first_and_what_holds_last() -> None:
    missed = made(0.2)
    assert [one.verdict for one in missed.scores] == [Verdict.MISSED, Verdict.NOTHING]
    held = made(0.1, interval=[0.08, 0.12], baseline="0.3 by sound")
    assert [one.verdict for one in held.scores] == [Verdict.NOTHING, Verdict.HELD]
    assert held.scores[1].shown == "10 % (8 % to 12 %)"
    assert held.scores[1].beside == "0.3 by sound"
    assert not missed.holds
    assert not held.holds, "what nothing measures does not hold either"
    assert card(
        [SPEED], {"light": Measured({"light.speed": {"value": 0.1}}, 1.0)}, version="1", quick=True
    ).holds


@pytest.mark.parametrize("value", [None, "fast"])
def test_a_figure_that_is_none_is_not_measured(value: object) -> None:
    assert made(value).scores[0].verdict is Verdict.FAILED


def test_a_benchmark_that_failed_says_why_in_the_row() -> None:
    failed = made(0.1, problem="it failed: no such lamp").scores[0]
    assert (failed.verdict, failed.why, failed.shown) == (Verdict.FAILED, "it failed: no such lamp", "–")
    nobody = card([SPEED], {}, version="1", quick=False).scores[0]
    assert (nobody.verdict, nobody.why) == (Verdict.FAILED, "light was not run")


def test_the_last_line_of_a_benchmark_is_what_it_says() -> None:
    row = {"id": "light.speed", "value": 1.0}
    assert read_output("warming up\n" + json.dumps({"rows": [row]}) + "\n", "", 2.0) == Measured(
        {"light.speed": row}, 2.0
    )
    assert read_output("", "Traceback\nValueError: dark\n", 2.0).problem == "it failed: ValueError: dark"
    assert read_output("{}", "", 2.0).problem == "it failed: it printed nothing"


def test_pages_say_the_same_and_break_on_nothing() -> None:
    one = made(0.2, how="<b>lamp</b>")
    assert headline(one) == "0 of 1 measured criteria hold; 1 are not measured by anything yet."
    page = markdown(one, "foreroute scorecard")
    assert "| T2 | speed \\| of light | 20 % | < 15 % | **missed** |" in page
    assert "`make bench NAME=light`" in page
    assert "&lt;b&gt;lamp" in html(one)
    assert "<script" not in html(one)
    assert json.loads(json.dumps(one.as_dict()))["counts"]["missed"] == 1
    assert {one.method for one in CRITERIA} == set(Method)


def test_what_was_measured_is_kept_and_what_failed_is_tried_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def run(one: Instrument) -> Measured:
        asked.append(one.name)
        problem = "dark" if one.name == "lamp" and len(asked) < 3 else ""
        return Measured({} if problem else {f"{one.name}.x": {"value": 1.0}}, 2.0, problem)

    some = [Instrument("lamp", 1, 10), Instrument("light", 2, 20)]
    said: list[str] = []
    first = measure(some, quick=True, folder=tmp_path, say=said.append, run=run)
    assert (first["lamp"].problem, sorted(asked)) == ("dark", ["lamp", "light"])
    again = measure(some, quick=True, folder=tmp_path, say=said.append, run=run)
    assert (again["lamp"].problem, asked[2:]) == ("", ["lamp"])
    assert again["light"] == first["light"]
    assert "measured before: light" in said
    assert list(again) == ["lamp", "light"]


def test_two_are_measured_at_a_time_but_nothing_beside_what_takes_times(tmp_path: Path) -> None:
    pairs, lock = threading.Barrier(2), threading.Lock()
    running, beside = set[str](), dict[str, int]()

    def run(one: Instrument) -> Measured:
        with lock:
            running.add(one.name)
            beside[one.name] = len(running) - 1
        if not one.alone:
            pairs.wait(timeout=30.0)  # breaks unless a second one is measured meanwhile
        with lock:
            running.discard(one.name)
        return Measured({}, 1.0)

    some = [
        *(Instrument(f"light{place}", 1, 1) for place in range(4)),
        *(Instrument(f"clock{place}", 1, 1, alone=True) for place in range(2)),
    ]
    measure(some, quick=True, folder=tmp_path, say=lambda _: None, cores=2, run=run)
    assert {beside[f"clock{place}"] for place in range(2)} == {0}

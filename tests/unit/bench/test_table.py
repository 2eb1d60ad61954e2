from dataclasses import replace

import pytest
from bench.faults.catalogue import FAULTS
from bench.faults.grade import Cell, Grade
from bench.faults.table import document, rows_of
from bench.report import Row

CELL = Cell(
    grade=Grade.GOOD,
    requests=20,
    wrong=0,
    verdicts={"complete": 20},
    statuses={"200": 20},
    p50_s=0.0123,
    max_s=1.5,
    attempts_per_request=1.5,
    late_bad_attempts=3,
    retry_after=[],
    note="",
)
BAD = replace(CELL, grade=Grade.WRONG, wrong=4, statuses={"200": 16, "500": 4}, retry_after=["7"])


def rows(own: Cell = CELL, peer: Cell = BAD) -> list[Row]:
    names = {"foreroute": own, "litellm": peer}
    return rows_of({name: {fault.id: cell for fault in FAULTS} for name, cell in names.items()}, FAULTS)


def test_a_row_says_what_foreroute_did_and_the_peers_as_the_baseline() -> None:
    row = next(row for row in rows() if row.id == "faults.503_once")
    assert (row.id, row.value, row.unit, row.holds) == ("faults.503_once", 0, "wrong of 20", True)
    assert row.baseline == "litellm wrong 4"
    assert row.cells is not None
    assert row.cells["litellm"]["wrong"] == 4


@pytest.mark.parametrize(
    ("grade", "holds"),
    [(Grade.GOOD, True), (Grade.DEGRADED, False), (Grade.WRONG, False), (Grade.UNTESTED, None)],
)
def test_only_good_keeps_the_promise_and_what_was_not_tested_says_nothing(
    grade: Grade, holds: bool | None
) -> None:
    assert {row.holds for row in rows(replace(CELL, grade=grade))} == {holds}


def test_the_page_has_every_fault_its_rule_and_the_sum_of_grades() -> None:
    page = document(rows())
    assert all(f"| `{fault.id}`: {fault.what} |" in page for fault in FAULTS)
    assert f"| foreroute | {len(FAULTS)} | 0 | 0 | 0 |" in page
    assert f"| litellm | 0 | 0 | {len(FAULTS)} | 0 |" in page
    assert "**wrong**; 20 complete; status 500; Retry-After 7; 12 ms / 1.5 s; 1.5 att.; 3 late" in page


def test_only_its_own_rows_make_a_page() -> None:
    with pytest.raises(ValueError, match="rows of this benchmark"):
        document([Row(id="gateway.rss_mb", what="", value=1.0, unit="MB")])

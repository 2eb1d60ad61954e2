"""Reports: calendar windows of a time zone, and divisions that add up to the last digit."""

import csv
import io
import itertools
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.ledger import Metered, SpendCell, SpendGroup
from foreroute.cost.budget import zone_of
from foreroute.cost.calendar import Period, days_of, period_of
from foreroute.cost.focus import focus_csv
from foreroute.cost.report import By, asked, spend_report
from foreroute.cost.report_rows import report_csv, report_row

AT = datetime(2026, 11, 18, 15, 0, tzinfo=UTC).timestamp()
ZONES = ("UTC", "Asia/Seoul", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
NAMES = st.sampled_from(["", "a", "b", "ü", "=x"])
PICO = st.integers(0, 10**13).map(lambda n: Decimal(n) / 10**12)
GROUPS = st.builds(
    SpendGroup,
    st.sampled_from(["c1", "c2", "c3"]),
    *[NAMES] * 7,
    st.lists(NAMES, max_size=2).map(tuple),
    NAMES,
)
METERED = st.builds(Metered, attempts=st.integers(1, 99), cost_usd=PICO, input_tokens=st.integers(0, 10**9))


@given(st.lists(st.tuples(GROUPS, METERED, st.integers(0, 70)), max_size=30), st.sampled_from(ZONES))
def test_every_division_adds_up_to_the_total(found, zone):
    wanted = asked(Period.MONTH, AT, zone_of(zone), zone)
    windows = wanted.windows
    spans = [windows[n % len(windows)] for _, _, n in found]
    cells = [
        SpendCell(start, end, group, metered)
        for (start, end), (group, metered, _) in zip(spans, found, strict=True)
    ]
    report = spend_report(wanted, cells)
    for by in By:
        assert sum((line.metered for line in report.by[by]), Metered()) == report.total
    assert report.total + report.before == sum((cell.metered for cell in cells), Metered())
    rows = list(csv.DictReader(io.StringIO(report_csv(report))))
    for by in By:
        parts = [Decimal(row["usd"]) for row in rows if row["by"] == by.value]
        assert sum(parts, Decimal(0)) == report.total.cost_usd
        shown = report_row(report)["by"][by.value]
        assert sum((Decimal(one["usd"]) for one in shown), Decimal(0)) == report.total.cost_usd
    days = {start for start, _ in windows[1:]}
    focus = csv.DictReader(
        io.StringIO(focus_csv([one for one in cells if one.start_at in days], zone_of(zone)))
    )
    assert sum((Decimal(row["BilledCost"]) for row in focus), Decimal(0)) == report.total.cost_usd


@given(st.floats(1e9, 2e9), st.sampled_from(ZONES), st.sampled_from(list(Period)))
def test_days_cover_a_period_without_a_gap(at, zone, period):
    window = period_of(period, at, zone_of(zone))
    days = days_of(window, zone_of(zone))
    assert window.start_at <= at < window.end_at
    assert (days[0].start_at, days[-1].end_at) == (window.start_at, window.end_at)
    assert all(a.end_at == b.start_at for a, b in itertools.pairwise(days))
    assert all(edge % 900 == 0 for day in days for edge in (day.start_at, day.end_at))
    before = period_of(period, at, zone_of(zone), back=1)
    assert before.end_at == window.start_at


@pytest.mark.parametrize(
    ("zone", "name", "hours"),
    [
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("UTC", "2026-11-01", 24),
    ],
)
def test_a_day_is_as_long_as_its_clock_says(zone, name, hours):
    noon = datetime.fromisoformat(f"{name}T12:00:00").replace(tzinfo=zone_of(zone)).timestamp()
    day = period_of(Period.DAY, noon, zone_of(zone))
    assert (day.name, day.end_at - day.start_at) == (name, hours * 3600)


def test_tags_are_one_name_so_that_nothing_counts_twice():
    wanted = asked(Period.DAY, AT, UTC, "UTC")
    start, end = wanted.windows[1]
    cells = [
        SpendCell(start, end, SpendGroup("c", tags=("a", "b")), Metered(attempts=1, cost_usd=Decimal(2))),
        SpendCell(start, end, SpendGroup("c", tags=("a",)), Metered(attempts=1, cost_usd=Decimal(1))),
        SpendCell(start, end, SpendGroup("c"), Metered(attempts=1, cost_usd=Decimal(4))),
    ]
    lines = spend_report(wanted, cells).by[By.TAG]
    assert [(line.name, line.metered.cost_usd) for line in lines] == [
        ("(none)", Decimal(4)),
        ("a + b", Decimal(2)),
        ("a", Decimal(1)),
    ]


def test_a_name_is_no_formula_in_a_spreadsheet():
    wanted = asked(Period.DAY, AT, UTC, "UTC")
    cell = SpendCell(*wanted.windows[1], SpendGroup("=cmd()"), Metered(attempts=1))
    assert "'=cmd()" in report_csv(spend_report(wanted, [cell]))

from decimal import Decimal

import pytest

from foreroute.settings.units import money, seconds, size, write_seconds, write_size


@pytest.mark.parametrize(
    ("text", "value"),
    [("250ms", 0.25), ("30s", 30.0), ("5m", 300.0), ("1.5h", 5400.0), ("30d", 2_592_000.0), (" 7 s ", 7.0)],
)
def test_durations_have_a_unit(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["5", 5, "5 weeks", "-5s", "1e3s", "", None, True, "9" * 400 + "s"])
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="write a number and a unit, such as 30s"):
        seconds(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.25, "250ms"),
        (30.0, "30s"),
        (90.0, "90s"),
        (900.0, "15m"),
        (5400.0, "90m"),
        (86400.0, "1d"),
        (0.5e-7, None),
    ],
)
def test_durations_are_written_as_people_do(value: float, text: str | None) -> None:
    assert text is None or write_seconds(value) == text
    assert seconds(write_seconds(value)) == value


def test_sizes() -> None:
    assert [size(text) for text in ("12B", "512KiB", "50MB", "1.5GB")] == [
        12,
        524_288,
        50_000_000,
        1_500_000_000,
    ]
    assert [write_size(value) for value in (50_000_000, 524_288, 2_000)] == ["50MB", "524288B", "2kB"]


def test_money_is_exact() -> None:
    assert money(0.1) + money("0.2") == Decimal("0.3")


@pytest.mark.parametrize("value", [True, None, "many", "nan", float("inf"), -1, "1_0e"])
def test_anything_else_is_no_money(value: object) -> None:
    with pytest.raises(ValueError, match="US dollars"):
        money(value)

"""Made-up traffic: its course over day and week, its size, and that surges change nothing but what they add."""

import csv
from pathlib import Path
from typing import Any

import pytest

from foreroute.core.ids import RouteName
from foreroute.simulate.traffic_maker import RouteShare, Surge, Traffic
from foreroute.simulate.world_schema import TrafficSpec

MONDAY, DAY = 1_772_409_600.0, 86_400.0
ROUTES = [RouteShare(name=RouteName("chat"), share=3.0), RouteShare(name=RouteName("embed"), share=1.0)]


def traffic(seed: int = 1, surges: tuple[Surge, ...] = (), **fields: Any) -> Traffic:
    return Traffic(TrafficSpec.model_validate(fields), ROUTES, surges, seed=seed)


CALM: dict[str, Any] = {"requests_per_minute": 30, "bursts": {"per_day": 0}}


def test_a_day_has_its_rate_its_wave_and_its_routes() -> None:
    found = list(traffic(**CALM).requests(MONDAY, MONDAY + DAY))
    assert len(found) == pytest.approx(30 * 1440, rel=0.03)
    assert [one.at for one in found] == sorted(one.at for one in found)
    by_hour = [sum(int((one.at - MONDAY) // 3600) == hour for one in found) for hour in range(24)]
    assert by_hour[14] / by_hour[2] == pytest.approx(3.0, rel=0.15)
    assert sum(one.route == "chat" for one in found) / len(found) == pytest.approx(0.75, abs=0.02)


def test_a_weekend_is_quieter() -> None:
    made = traffic(**CALM, weekend=0.4)
    days = [sum(1 for _ in made.requests(MONDAY + day * DAY, MONDAY + (day + 1) * DAY)) for day in (2, 5)]
    assert days[1] / days[0] == pytest.approx(0.6, abs=0.04)


def test_users_are_awake_where_they_are() -> None:
    places = [
        {"region": "east", "utc_offset": "9h"},
        {"region": "west", "utc_offset": "-3h"},
    ]
    found = list(traffic(**CALM, swing=0.9, places=places).requests(MONDAY + 5 * 3600, MONDAY + 6 * 3600))
    assert sum(one.place == "east" for one in found) / len(found) > 0.8


def test_tokens_have_their_median_and_spread() -> None:
    found = list(
        traffic(**CALM, input_tokens={"median": 500, "spread": 4}).requests(MONDAY, MONDAY + DAY / 2)
    )
    tokens = sorted(one.input_tokens for one in found)
    assert tokens[len(tokens) // 2] == pytest.approx(500, rel=0.05)
    assert tokens[int(0.95 * len(tokens))] == pytest.approx(2000, rel=0.1)


def test_bursts_come_out_of_the_blue() -> None:
    calm = list(traffic(**CALM).requests(MONDAY, MONDAY + DAY))
    rough = list(
        traffic(requests_per_minute=30, bursts={"per_day": 6, "factor": 6, "for": "10m"}).requests(
            MONDAY, MONDAY + DAY
        )
    )
    most = [max(_minutes(found)) for found in (calm, rough)]
    assert most[1] > 1.5 * most[0]


def test_a_surge_adds_to_what_comes_anyhow() -> None:
    surge = Surge(start_at=MONDAY + 3600, end_at=MONDAY + 7200, factor=4.0)
    calm = list(traffic(**CALM).requests(MONDAY, MONDAY + 9000))
    more = list(traffic(surges=(surge,), **CALM).requests(MONDAY, MONDAY + 9000))
    assert [one for one in more if one.id.startswith("r")] == calm
    extra = [one for one in more if one.id.startswith("s")]
    assert all(surge.start_at <= one.at < surge.end_at for one in extra)
    during = sum(surge.start_at <= one.at < surge.end_at for one in calm)
    assert len(extra) == pytest.approx(3 * during, rel=0.1)


def test_a_surge_may_be_put_in_on_the_way() -> None:
    made = traffic(**CALM)
    found = made.requests(MONDAY, MONDAY + 3600)
    for request in found:
        if request.at > MONDAY + 600:
            break
    made.add(Surge(start_at=MONDAY + 600, end_at=MONDAY + 3600, factor=5.0))
    assert sum(one.id.startswith("s") for one in found) > 1000


def test_a_recorded_trace_is_played_over_and_over(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    with path.open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["ts", "prompt_tokens", "output_tokens"])
        writer.writerows(
            [f"2026-01-01T00:00:{second:02}+00:00", 10 + second, 5] for second in range(0, 60, 10)
        )
    spec = TrafficSpec.model_validate({"replay": {"file": "trace.csv"}})
    found = list(Traffic(spec, ROUTES, seed=1, folder=tmp_path).requests(MONDAY, MONDAY + 150))
    assert [one.input_tokens for one in found[:7]] == [10, 20, 30, 40, 50, 60, 10]
    assert found[0].at == MONDAY
    assert found[6].at == MONDAY + 60.0


def _minutes(found: list[Any]) -> list[int]:
    counts = [0] * 1440
    for one in found:
        counts[int((one.at - MONDAY) // 60)] += 1
    return counts

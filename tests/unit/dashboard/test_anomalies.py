"""What was strange, by episode, as the API tells it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.dashboard.conftest import AT, A, B, Stage

from foreroute.control.decision_log import anomaly_record
from foreroute.core.findings import Anomaly, AnomalyKind
from foreroute.core.series import Metric
from foreroute.dashboard.anomalies import anomaly_routes
from foreroute.dashboard.routes import Dashboard

FIRST = Anomaly(
    channel=A,
    metric=Metric.FIRST_CHUNK_P95,
    at=AT - 600.0,
    value=1.2,
    expected=0.5,
    score=4.0,
    threshold=3.0,
    detector="streaming",
)
SECOND = replace(
    FIRST,
    at=AT - 540.0,
    value=1.9,
    score=9.0,
    kind=AnomalyKind.SHIFT,
    since_at=AT - 600.0,
    cause="the channel",
)
THIRD = replace(SECOND, at=AT - 480.0, value=1.1, score=3.5)
OTHER = replace(FIRST, channel=B, metric=Metric.FAILURE_RATIO, at=AT - 60.0)


@pytest.fixture
async def stage(open_stage: Callable[..., Stage], board: object) -> Stage:
    made = open_stage(board)
    made.dashboard = Dashboard(made.sources, more=anomaly_routes(made.sources))
    await made.store.records.append([anomaly_record(one) for one in (FIRST, SECOND, THIRD, OTHER)])
    return made


async def test_windows_of_one_series_are_one_episode_told_by_its_strangest(stage: Stage) -> None:
    newest, episode = (await stage.get("/api/anomalies"))["episodes"]
    assert (newest["channel"], newest["windows"], newest["since_at"]) == ("b", 1, AT - 60.0)
    assert (episode["channel"], episode["windows"], episode["kind"]) == ("a", 3, "shift")
    assert (episode["value"], episode["score"], episode["cause"]) == (1.9, 9.0, "the channel")
    assert (episode["since_at"], episode["at"]) == (AT - 600.0, AT - 480.0)


@pytest.mark.parametrize(
    ("query", "channels"),
    [
        ("channel=a", ["a"]),
        ("metric=failure_ratio", ["b"]),
        ("since=5m", ["b"]),
        ("channel=b&metric=first_chunk_p95", []),
    ],
)
async def test_asked_for_less(stage: Stage, query: str, channels: list[str]) -> None:
    found = await stage.get(f"/api/anomalies?{query}")
    assert [one["channel"] for one in found["episodes"]] == channels


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("channel=c", 404, "no channel 'c'"),
        ("metric=speed", 400, "no metric 'speed'"),
        ("since=soon", 400, "not a duration"),
    ],
)
async def test_what_does_not_exist_is_said(stage: Stage, query: str, status: int, said: str) -> None:
    got, body, _ = await stage.ask("GET", f"/api/anomalies?{query}")
    assert got == status
    assert said in body["error"]["message"]
    assert body["error"]["hint"]

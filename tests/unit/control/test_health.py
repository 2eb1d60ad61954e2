import pytest

from foreroute.control.health import grade
from foreroute.core.channel import Health


@pytest.mark.parametrize(
    ("failure_ratio", "now_s", "out", "expected"),
    [
        (0.0, 0.3, False, Health.EXCELLENT),
        (0.0, 0.8, False, Health.GOOD),
        (0.01, 0.3, False, Health.GOOD),
        (0.0, 1.1, False, Health.DEGRADED),
        (0.03, 0.3, False, Health.DEGRADED),
        (0.06, 0.3, False, Health.POOR),
        (0.0, 1.6, False, Health.POOR),
        (0.95, None, False, Health.OFFLINE),
        (0.0, 0.3, True, Health.OFFLINE),
        (None, None, False, Health.UNKNOWN),
        (0.0, None, False, Health.EXCELLENT),
    ],
)
def test_grades(failure_ratio: float | None, now_s: float | None, out: bool, expected: Health) -> None:
    assert grade(failure_ratio=failure_ratio, now_s=now_s, limit_s=1.0, out=out) is expected


def test_without_an_objective_only_availability_counts() -> None:
    assert grade(failure_ratio=0.0, now_s=99.0, limit_s=None, out=False) is Health.EXCELLENT

import math

import pytest
from tests.unit.simulate.policies.conftest import Says, Stage, channel

from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.simulate.policies.thresholds import Grade, Seen, Thresholds, ThresholdSettings, grade, ranked

SETTINGS = ThresholdSettings(limit_s=1.0)
CLOUD, OTHER, HOME, GATE = (ChannelId(name) for name in ("cloud", "other", "home", "gate"))
CHANNELS = {
    CLOUD: channel(CLOUD),
    OTHER: channel(OTHER),
    HOME: channel(HOME, cloud="local", provider="local"),
    GATE: channel(GATE, provider="gateway"),
}


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (None, Grade.UNKNOWN),
        (Seen(1.0, 0.3, 0.5), Grade.EXCELLENT),
        (Seen(0.97, 0.3, 0.5), Grade.GOOD),
        (Seen(1.0, 0.6, 1.2), Grade.DEGRADED),
        (Seen(0.94, 0.3, 0.5), Grade.POOR),
        (Seen(1.0, 0.9, 1.6), Grade.POOR),
        (Seen(0.05, math.inf, math.inf), Grade.OFFLINE),
    ],
)
def test_grades(seen: Seen | None, wanted: Grade) -> None:
    assert grade(seen, SETTINGS) is wanted


def test_a_gateway_under_300_ms_else_a_cloud_under_500_else_the_local_one() -> None:
    seen = {
        CLOUD: Seen(1, 0.45, 0.6),
        OTHER: Seen(1, 0.4, 0.6),
        HOME: Seen(1, 0.2, 0.3),
        GATE: Seen(1, 0.25, 0.4),
    }
    assert ranked(CHANNELS, seen, SETTINGS) == [GATE, OTHER, CLOUD, HOME]
    seen[GATE] = Seen(1, 0.35, 0.5)
    assert ranked(CHANNELS, seen, SETTINGS)[0] == OTHER
    seen[CLOUD] = seen[OTHER] = Seen(1, 0.55, 0.8)
    assert ranked(CHANNELS, seen, SETTINGS)[0] == HOME


def test_the_primary_takes_everything_until_a_minute_has_shown_that_it_is_degraded() -> None:
    router = Thresholds({CLOUD: CHANNELS[CLOUD], OTHER: CHANNELS[OTHER]}, SETTINGS)
    stage = Stage(
        router=router,
        answers=lambda name, at: Says(first_s=1.4 if name == CLOUD and at > 90.0 else 0.4),
    )
    stage.play(every_s=0.5, count=700)
    assert OTHER not in stage.counts(to_at=119.0)
    assert CLOUD not in stage.counts(from_at=181.0)
    assert router.primary == OTHER


def test_it_changes_when_less_than_95_percent_are_answered_and_the_fallback_takes_what_fails() -> None:
    down = Says(status=503, failure=FailureClass.OVERLOADED, first_s=0.1)
    router = Thresholds({CLOUD: CHANNELS[CLOUD], OTHER: CHANNELS[OTHER]}, SETTINGS)
    stage = Stage(router=router, answers=lambda name, _at: down if name == CLOUD else Says(first_s=0.4))
    stage.play(every_s=1.0, count=200)
    assert not stage.given_up
    assert stage.counts(to_at=60.0)[CLOUD] == 60
    assert CLOUD not in stage.counts(from_at=61.0)

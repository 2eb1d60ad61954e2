"""A world learnt from requests: what is put in comes out, and the likeness says how near it is."""

import math
from pathlib import Path
from random import Random

import numpy as np
import pytest

from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.errors import HistoryError, TooLittleHistory
from foreroute.core.ids import ChannelId, RegionId
from foreroute.core.rollup import Rollup
from foreroute.monitor.fold import summary
from foreroute.simulate.calibrate import calibrate
from foreroute.simulate.channel import ChannelModel
from foreroute.simulate.observed import Observed, ks_distance, weighted_quantiles
from foreroute.simulate.observed_csv import read_observed
from foreroute.simulate.observed_rollups import observed_of
from foreroute.simulate.world import World

MONDAY = 1_772_409_600.0
DAYS = 8


@pytest.fixture(scope="module")
def real() -> Observed:
    """Eight days of one channel whose truth is known."""
    channel = Channel(
        id=ChannelId("one"), provider="p", cloud="c", region=RegionId("r"), model="m", base_url="http://x/v1"
    )
    model = ChannelModel(
        channel=channel,
        first_chunk_s=0.4,
        spread=2.0,
        token_s=0.01,
        input_token_s=0.0002,
        swing=0.3,
        peak_at_s=18 * 3600.0,
        roam=0.15,
    )
    world, rng, rows = World(11, [model]), Random(11), []
    for number in range(24_000):
        at = MONDAY + DAYS * 86_400.0 * (number + rng.random()) / 24_000
        tokens = min(8000, 1 + int(rng.lognormvariate(6.5, 0.8)))
        draws = world.luck.attempt(f"real/{number}")
        first = model.usual_first_chunk_s(tokens) * world.level(channel.id, at) * model.noise_at(draws.noise)
        outputs = 1 + rng.randrange(300)
        rows.append((at, first, tokens, outputs, outputs * 0.01 * model.token_noise_at(0.5, draws.speed)))
    table = np.array(rows)
    return Observed(
        channel="one",
        at=table[:, 0],
        seconds=table[:, 1],
        input_tokens=table[:, 2],
        output_tokens=table[:, 3],
        weights=np.ones(len(table)),
        body_s=table[:, 4],
        attempts=24_240.0,
        failures=240.0,
    )


def test_what_was_put_in_comes_out(real: Observed) -> None:
    found = calibrate([real])
    (channel,) = found.world.channels
    assert channel.first_chunk == pytest.approx(0.4, rel=0.1)
    assert channel.per_input_token == pytest.approx(0.0002, rel=0.1)
    assert channel.per_token == pytest.approx(0.01, rel=0.03)
    assert channel.roam == pytest.approx(0.15, abs=0.04)
    assert channel.spread == pytest.approx(2.0, rel=0.1)
    assert channel.failure_ratio == pytest.approx(0.01, rel=0.05)
    assert max(range(24), key=channel.hours.__getitem__) in (16, 17, 18, 19)
    assert max(channel.hours) / min(channel.hours) == pytest.approx(1.3 / 0.7, rel=0.25)
    assert found.world.traffic.requests_per_minute == pytest.approx(24_000 / DAYS / 1440, rel=0.05)


def test_the_part_that_was_held_out_is_like_the_simulated_one(real: Observed) -> None:
    found = calibrate([real])
    by_name = {one.name: one.as_dict() for one in found.likenesses}
    assert set(by_name) == {"one", "requests a minute", "input tokens", "output tokens"}
    assert by_name["one"]["ks"] < 0.05
    assert by_name["one"]["ratio"]["p95"] == pytest.approx(1.0, abs=0.1)
    assert by_name["one"]["held_out"] == pytest.approx(0.3 * 24_000, rel=0.02)
    assert by_name["input tokens"]["ks"] < 0.03


def test_a_world_that_has_changed_is_not_called_alike(real: Observed) -> None:
    late = real.at > MONDAY + 0.75 * DAYS * 86_400.0
    slower = Observed(
        channel="one",
        at=real.at,
        seconds=np.where(late, 3.0 * real.seconds, real.seconds),
        input_tokens=real.input_tokens,
        output_tokens=real.output_tokens,
        weights=real.weights,
        body_s=real.body_s,
    )
    likeness = calibrate([slower]).likenesses[0].as_dict()
    assert likeness["ks"] > 0.3
    assert likeness["ks_of_learnt_part"] > 0.3


def test_minutes_with_sketches_tell_nearly_as_much_as_requests(real: Observed) -> None:
    minutes: dict[float, list[int]] = {}
    for number, at in enumerate(real.at):
        minutes.setdefault(float(at // 600.0 * 600.0), []).append(number)
    rollups = []
    for start_at, mine in minutes.items():
        firsts = [float(real.seconds[n]) for n in mine]
        wholes = [float(real.seconds[n] + real.body_s[n]) for n in mine]
        rollups.append(
            Rollup(
                channel=ChannelId("one"),
                window_start=start_at,
                window_s=600.0,
                source="t",
                attempts=len(mine),
                successes=len(mine),
                latency=summary(wholes),
                first_chunk=summary(firsts),
                usage=Usage(
                    int(sum(real.input_tokens[n] for n in mine)),
                    output_tokens=int(sum(real.output_tokens[n] for n in mine)),
                ),
            )
        )
    found = observed_of(rollups)
    assert found[0].weights.sum() == pytest.approx(24_000)
    likeness = calibrate(found).likenesses[0].as_dict()
    assert likeness["ks"] < 0.08
    assert likeness["ratio"]["p50"] == pytest.approx(1.0, abs=0.08)


def test_too_little_is_said_to_be_too_little(real: Observed) -> None:
    with pytest.raises(TooLittleHistory, match="nothing to learn"):
        calibrate([real.part(np.arange(len(real)) < 20)])
    few = real.part(np.arange(len(real)) < 20)
    found = calibrate([real, Observed(**{name: getattr(few, name) for name in _FIELDS} | {"channel": "few"})])
    assert found.left_out == ("few",)


_FIELDS = ("at", "seconds", "input_tokens", "output_tokens", "weights", "body_s")


def test_a_file_is_read_with_its_own_names(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "when,model,took,prompt_tokens,state\n"
        "2026-03-02T00:00:02Z,a,1.5,10,SUCCEED\n"
        "2026-03-02T00:00:01Z,a,2.5,20,FAILED\n"
        "1772409600,b,0.5,,ok\n"
    )
    columns = {"ts": "when", "latency_s": "took", "outcome": "state"}
    first, second = read_observed(path, columns)
    assert (first.channel, second.channel) == ("a", "b")
    assert (first.attempts, first.failures, len(first)) == (2.0, 1.0, 1)
    assert first.whole
    assert first.at[0] == MONDAY + 2
    assert second.input_tokens[0] == 0.0


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("a,b\n1,2\n", {}, "no column that says when"),
        ("ts,latency_s\n2026-03-02,soon\n", {}, "cannot be read"),
        ("ts,latency_s\n", {"latency_s": "took"}, "no column 'took'"),
        ("ts,latency_s\n", {"price": "ts"}, "there is no 'price'"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, columns: dict[str, str], message: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(HistoryError, match=message):
        read_observed(path, columns)


def test_distances_and_quantiles_are_what_they_are_called() -> None:
    one, two = np.arange(100.0), np.arange(100.0) + 25.0
    even = np.ones(100)
    assert ks_distance(one, two, even, even) == pytest.approx(0.25)
    assert ks_distance(one, one, even, even) == 0.0
    assert weighted_quantiles(np.array([1.0, 2.0]), np.array([3.0, 1.0]), [0.375, 0.875]) == [1.0, 2.0]
    assert math.isclose(weighted_quantiles(one, even, [0.5])[0], 49.5)

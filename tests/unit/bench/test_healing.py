"""The schedule of injections, the baseline's view of an answer, and the intervals."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from bench.heal.healing import wilson
from bench.heal.injections import KINDS, schedule
from bench.heal.journal import Healed, Journal
from bench.heal.reactive import Shuffle, _outcome, _status

from foreroute.chaos.answer import Answer, Verdict
from foreroute.core.attempt import Outcome
from foreroute.core.ids import ChannelId

MADE_UP = Healed(
    kind="made_up",
    recovered=True,
    missed="",
    user_s=0.0,
    channel_s=1.0,
    back_s=2.0,
    bad=0,
    requests=100,
    attempts=101,
    probes=1,
    tokens=3400,
    probe_tokens=9,
    retry_tokens=0,
)


def test_the_schedule_is_seeded_and_in_equal_parts() -> None:
    first, again, other = schedule(11), schedule(11), schedule(11, seed=2)
    assert [(one.kind, one.seed, one.fault.course) for one in first] == [
        (one.kind, one.seed, one.fault.course) for one in again
    ]
    assert [one.seed for one in first] != [one.seed for one in other]
    assert set(Counter(one.kind for one in first).values()) == {11}
    assert len(first) == 11 * len(KINDS) >= 250
    assert all(40.0 <= one.fault.course.fault_s <= 60.0 for one in first)


@pytest.mark.parametrize(
    ("answer", "verdict", "outcome", "status"),
    [
        (Answer(status=200, body=b'{"choices": []}'), Verdict.LIED, Outcome.SUCCESS, 200),
        (Answer(status=200, body=b"<html>"), Verdict.LIED, Outcome.FAILURE, 500),
        (Answer(status=200, body=b'{"cho', is_whole=False), Verdict.NOTICED, Outcome.FAILURE, 500),
        (Answer(status=403, body=b"{}"), Verdict.TOLD, Outcome.FAILURE, 403),
        (Answer(status=0, is_whole=False), Verdict.NOTICED, Outcome.FAILURE, 500),
        (Answer(status=0, is_whole=False, gave_up=True), Verdict.HUNG, Outcome.TIMEOUT, 408),
    ],
)
def test_the_baseline_sees_what_litellm_sees(
    answer: Answer, verdict: Verdict, outcome: Outcome, status: int
) -> None:
    assert (_outcome(answer, verdict), _status(answer, verdict)) == (outcome, status)


def test_it_shuffles() -> None:
    chance, shuffle = Random(1), Shuffle()
    both = [ChannelId("a"), ChannelId("b")]
    drawn = Counter(shuffle.choose(both, stream=False, chance=chance, at=0.0) for _ in range(1000))
    assert 400 < drawn[both[0]] < 600


def test_the_interval_holds_the_ratio_and_narrows() -> None:
    low, high = wilson(258, 264)
    assert low < 258 / 264 < high
    assert wilson(264, 264)[0] > 0.98
    assert high - low < 0.05


def test_what_is_over_is_not_played_again(tmp_path: Path) -> None:
    one, other = schedule(1)[:2]
    path, played = tmp_path / "journal.jsonl", list[str]()

    def play(name: str) -> Healed:
        played.append(name)
        return replace(MADE_UP, kind=name)

    first = Journal(path)
    made = first.once(one, "foreroute", lambda: play("first"))
    with path.open("a") as file:
        file.write('{"key": "cut o')
    again = Journal(path)
    assert again.once(one, "foreroute", lambda: play("again")) == made
    again.once(one, "reactive", lambda: play("reactive"))
    again.once(other, "foreroute", lambda: play("other"))
    assert played == ["first", "reactive", "other"]

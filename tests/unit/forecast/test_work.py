"""What is usual for a request, learnt; and how slow an answer was against that."""

import math
from random import Random

import pytest

from foreroute.core.attempt import Asked, Attempt, Outcome, PickReason, Usage
from foreroute.core.errors import StoreCorrupt
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.work import Expectation, Work, WorkModel
from foreroute.forecast.work import WorkModels

A, B = ChannelId("a"), ChannelId("b")


def attempt(
    rng: Random,
    *,
    channel: ChannelId = A,
    slow: float = 1.0,
    base_s: float = 0.1,
    outcome: Outcome = Outcome.SUCCESS,
    noise: float = 0.1,
    stream: bool = True,
) -> Attempt:
    """First chunk: base · inputs^0.4; then 20 ms a token."""
    inputs, outputs = rng.randint(10, 5000), rng.randint(20, 800)
    first_s = base_s * (1 + inputs) ** 0.4 * slow * rng.lognormvariate(0.0, noise)
    return Attempt(
        request_id=RequestId(str(rng.random())),
        number=1,
        route=RouteName("chat"),
        channel=channel,
        started_at=0.0,
        duration_s=first_s + 0.02 * outputs * slow,
        outcome=outcome,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        stream=stream,
        time_to_first_chunk_s=first_s,
        usage=Usage(input_tokens=inputs, output_tokens=outputs),
        asked=Asked("/chat/completions", inputs, 1000, False),
    )


def learnt(rng: Random, count: int = 400, **kinds: float) -> WorkModels:
    models = WorkModels({A: "m", B: "m"})
    models.observe([attempt(rng, **kinds) for _ in range(count)], 0.0)  # type: ignore[arg-type]  # kinds are a test's own
    return models


def test_the_law_behind_the_attempts_is_found() -> None:
    model = learnt(Random(1)).model(A)
    for inputs in (50, 500, 4000):
        work = Work(input_tokens=inputs, output_tokens=200, stream=True)
        assert model.first_chunk_s(work) == pytest.approx(0.1 * (1 + inputs) ** 0.4, rel=0.05)
        assert model.seconds_per_token(work) == pytest.approx(0.02, rel=0.05)
    assert model.whole_s(Work(1000, 400, stream=True)) == pytest.approx(0.1 * 1001**0.4 + 8.0, rel=0.2)


def test_slowness_is_told_from_work() -> None:
    """Long requests are not slow; the same requests at twice the time are."""
    rng = Random(2)
    models = learnt(rng)
    usual = models.observe([attempt(rng) for _ in range(200)], 60.0)
    slow = models.observe([attempt(rng, slow=2.0) for _ in range(200)], 120.0)
    assert sum(one.first_chunk for one in usual) / 200 == pytest.approx(1.0, abs=0.05)
    assert sum(one.first_chunk for one in slow) / 200 == pytest.approx(2.0, abs=0.15)
    assert sum(one.whole for one in slow) / 200 == pytest.approx(2.0, abs=0.25)


def test_an_hour_of_outage_is_not_learnt_as_usual() -> None:
    rng = Random(3)
    models = WorkModels({})
    for minute in range(600):
        models.observe([attempt(rng) for _ in range(5)], minute * 60.0)
    for minute in range(600, 660):
        models.observe([attempt(rng, slow=50.0) for _ in range(5)], minute * 60.0)
    expected = models.model(A).first_chunk_s(Work(1000, 100, stream=True))
    assert expected == pytest.approx(0.1 * 1001**0.4, rel=0.35)


def test_a_change_that_stays_becomes_usual() -> None:
    rng = Random(4)
    models = WorkModels({})
    for minute in range(0, 1440, 5):
        models.observe([attempt(rng) for _ in range(5)], minute * 60.0)
    for minute in range(1440, 8 * 1440, 5):
        models.observe([attempt(rng, slow=2.0) for _ in range(5)], minute * 60.0)
    assert models.model(A).first_chunk_s(Work(1000, 100, stream=True)) == pytest.approx(
        0.2 * 1001**0.4, rel=0.1
    )


def test_a_young_channel_borrows_from_its_family_and_soon_has_its_own_level() -> None:
    rng = Random(5)
    models = learnt(rng, 1000)
    work = Work(2000, 100, stream=True)
    family = models.model(A).first_chunk_s(work)
    assert models.model(B).first_chunk_s(work) == pytest.approx(family, rel=0.02)
    models.observe([attempt(rng, channel=B, base_s=0.3) for _ in range(30)], 0.0)
    assert models.model(B).first_chunk_s(work) == pytest.approx(0.3 * 2001**0.4, rel=0.12)


def test_failures_teach_nothing() -> None:
    rng = Random(6)
    models = learnt(rng)
    before = models.model(A)
    ratios = models.observe([attempt(rng, outcome=Outcome.TIMEOUT, slow=30.0)], 1.0)
    assert all(math.isnan(value) for value in ratios[0])
    assert models.model(A) == before


def test_nothing_is_said_before_anything_is_known() -> None:
    models = WorkModels({})
    assert models.model(A) == WorkModel()
    assert models.model(A).first_chunk_s(Work(10, 10, stream=True)) is None
    first = models.observe([attempt(Random(7))], 0.0)
    assert math.isnan(first[0].whole)


def test_the_answers_length_never_passes_the_clients_limit() -> None:
    model = learnt(Random(8)).model(A)
    known = model.output_tokens(Work(1000, 0, stream=True), 1000)
    assert known is not None
    assert 200 < known < 800
    assert model.output_tokens(Work(1000, 0, stream=True), 50) == 50.0


def test_an_outlook_is_what_is_usual_times_the_slowdown() -> None:
    model = learnt(Random(9)).model(A)
    stream, whole = Work(1000, 100, stream=True), Work(1000, 100)
    first, all_of_it = model.first_chunk_s(stream), model.whole_s(whole)
    assert first is not None
    assert all_of_it is not None
    assert Expectation(model=model, slowdown=1.5).delay_s(stream) == pytest.approx(1.5 * first)
    assert Expectation(model=model, slowdown=1.5).delay_s(whole) == pytest.approx(1.5 * all_of_it)
    assert Expectation(model=WorkModel()).delay_s(stream) is None


def test_it_goes_on_where_it_was() -> None:
    rng = Random(10)
    models = learnt(rng)
    restored = WorkModels({A: "m", B: "m"})
    restored.load(models.dump())
    assert restored.models() == models.models()
    more = [attempt(rng) for _ in range(50)]
    assert restored.observe(more, 3600.0) == models.observe(more, 3600.0)


@pytest.mark.parametrize("dumped", [b"", b"PK\x03\x04 not a model", b"\x00" * 100])
def test_what_is_not_a_dump_is_refused_and_changes_nothing(dumped: bytes) -> None:
    models = learnt(Random(11))
    before = models.models()
    with pytest.raises(StoreCorrupt):
        models.load(dumped)
    assert models.models() == before


def test_batches_do_not_matter_for_what_is_learnt() -> None:
    """Beyond the fifth attempt, from which on surprises are bounded by what was known before."""
    rng = Random(12)
    everything = [attempt(rng, noise=0.05) for _ in range(300)]
    at_once, by_ten = WorkModels({}), WorkModels({})
    at_once.observe(everything, 0.0)
    for start in range(0, 300, 10):
        by_ten.observe(everything[start : start + 10], 0.0)
    work = Work(700, 100, stream=True)
    assert by_ten.model(A).first_chunk_s(work) == pytest.approx(
        at_once.model(A).first_chunk_s(work), rel=0.01
    )


def test_all_channels_at_once_learn_what_each_learns_alone() -> None:
    """Solving them together and one by one comes to the same, also where some say nothing of streams."""
    rng = Random(13)
    names = [ChannelId(f"c{number}") for number in range(5)]
    together, alone = (WorkModels(dict.fromkeys(names[:3], "m")) for _ in range(2))
    for minute in range(20):
        some = [attempt(rng, channel=rng.choice(names), stream=rng.random() < 0.7) for _ in range(30)]
        by_channel = [[one for one in some if one.channel == name] for name in names]
        together.observe([one for found in by_channel for one in found], minute * 60.0)
        for found in by_channel:
            alone.observe(found, minute * 60.0)
    assert together.models() == {name: alone.model(name) for name in names}

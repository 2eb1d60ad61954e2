"""What other shares would have cost, estimated from logged picks, beside a world that knows it.

The world is made to mislead: the served shares leave a channel while it is slow and lean on load besides, long prompts
come at certain hours, and a failed request is tried again elsewhere.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from statistics import fmean

import pytest

from foreroute.control.offpolicy import Estimate, EstimateRules, estimate
from foreroute.control.replay import Course, Step
from foreroute.control.replay_traffic import COST, DELAY, FAILED, LATE, MEASURES, Gathered, Traffic
from foreroute.core.attempt import Asked, Attempt, Outcome, PickReason, Usage
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.core.plan import Objective, Route, Target
from foreroute.core.series import Metric

CHAT = RouteName("chat")
QUICK, CHEAP, SHAKY = ChannelId("quick"), ChannelId("cheap"), ChannelId("shaky")
CHANNELS = (QUICK, CHEAP, SHAKY)
OBJECTIVES = {CHAT: Objective(metric=Metric.FIRST_CHUNK_P95, limit_s=0.9)}
WISHED = {QUICK: 0.2, CHEAP: 0.7, SHAKY: 0.1}
LENGTH_S = 3 * 3600.0
REPEATS = 60


def course(
    *, tried: tuple[ChannelId, ...] = CHANNELS, wished: dict[ChannelId, float] | None = None
) -> Course:
    """Every ten minutes a new plan: the slower `shaky` is, the less it gets."""
    steps = []
    for number in range(int(LENGTH_S / 600)):
        shares = {name: served(number * 600.0)[name] * (name in tried) for name in CHANNELS}
        steps.append(
            Step(at=number * 600.0, logged={CHAT: route(shares)}, candidate={CHAT: route(wished or WISHED)})
        )
    return Course(steps=tuple(steps), differing=(), logged_decisions=0, candidate_decisions=0)


def route(shares: dict[ChannelId, float]) -> Route:
    return Route(name=CHAT, targets=tuple(Target(channel=c, weight=w) for c, w in shares.items()))


def served(at: float) -> dict[ChannelId, float]:
    shaky = 0.45 if trouble(at) < 0.5 else 0.08
    return {QUICK: 0.7 * (1.0 - shaky), CHEAP: 0.3 * (1.0 - shaky), SHAKY: shaky}


def trouble(at: float) -> float:
    """0…1, of `shaky`."""
    return 0.5 - 0.5 * math.cos(2.0 * math.pi * (at // 600) * 600 / LENGTH_S)


@dataclass(frozen=True)
class Ask:
    at: float
    tokens: int
    name: str

    def tries(self, channel: ChannelId) -> Iterator[tuple[ChannelId, float, bool, float]]:
        """Channel, seconds to the first chunk, whether it succeeded, dollars. A failure goes to `quick` next."""
        rng = Random(f"{self.name}/{channel}")
        rough = trouble(self.at) if channel == SHAKY else 0.0
        base = {QUICK: 0.3, CHEAP: 0.55, SHAKY: 0.4}[channel]
        delay_s = (base + self.tokens * 1e-4) * (1.0 + 2.0 * rough) * math.exp(0.3 * rng.gauss(0, 1))
        good = rng.random() > (0.02 + 0.25 * rough)
        usd = {QUICK: 3e-6, CHEAP: 4e-7, SHAKY: 1e-6}[channel] * self.tokens
        yield channel, delay_s, good, usd if good else 0.0
        if not good and channel != QUICK:
            yield from self.tries(QUICK)


def asks(rng: Random, name: str) -> Iterator[Ask]:
    at, number = 0.0, 0
    while at < LENGTH_S:
        at += rng.expovariate(1 / 7.0)
        number += 1
        long = rng.random() < 0.2 + 0.6 * trouble(at)
        yield Ask(at, int(rng.lognormvariate(7.5 if long else 5.5, 0.5)), f"{name}/{number}")


def logged(
    seed: int,
    *,
    tried: tuple[ChannelId, ...] = CHANNELS,
    sticky: float = 0.0,
    wished: dict[ChannelId, float] | None = None,
) -> Traffic:
    """A day on record: each first pick leans on a load that comes and goes, and says how likely it was."""
    rng, traffic = Random(seed), Traffic(course=course(tried=tried, wished=wished), objectives=OBJECTIVES)
    for ask in asks(rng, str(seed)):
        lean = {name: 0.5 + rng.random() for name in CHANNELS}
        weights = {name: served(ask.at)[name] * lean[name] * (name in tried) for name in CHANNELS}
        total = sum(weights.values())
        pick = rng.choices(CHANNELS, [weights[name] for name in CHANNELS])[0]
        likely = None if rng.random() < sticky else weights[pick] / total
        traffic.take(entries(ask, pick, likely))
    return traffic


def entries(ask: Ask, pick: ChannelId, likely: float | None) -> Iterator[LedgerEntry]:
    at = ask.at
    for number, (channel, delay_s, good, usd) in enumerate(ask.tries(pick), start=1):
        attempt = Attempt(
            request_id=RequestId(ask.name),
            number=number,
            route=CHAT,
            channel=channel,
            started_at=at,
            duration_s=delay_s,
            outcome=Outcome.SUCCESS if good else Outcome.FAILURE,
            reason=PickReason.CONFIGURED if number == 1 else PickReason.FAILOVER,
            plan_version=1,
            stream=True,
            time_to_first_chunk_s=delay_s if good else None,
            usage=Usage(ask.tokens),
            asked=Asked("/chat/completions", ask.tokens),
            propensity=likely if number == 1 else None,
        )
        yield LedgerEntry(attempt=attempt, cost_usd=Decimal(usd), price_source="config")
        at += delay_s


def truth(shares_at: Callable[[float], dict[ChannelId, float]]) -> dict[str, float]:
    """What a request meets under these shares, from many more of them than any test has on record."""
    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    weights: list[float] = []
    answered: list[float] = []
    rng = Random(10_000)
    for day in range(12):
        for ask in asks(rng, f"truth/{day}"):
            for channel, share in shares_at(ask.at).items():
                tries = list(ask.tries(channel))
                good = tries[-1][2]
                delay_s = sum(one[1] for one in tries)
                weights.append(share)
                answered.append(share * good)
                found[COST].append(share * sum(one[3] for one in tries))
                found[FAILED].append(share * (not good))
                found[DELAY].append(share * good * delay_s)
                found[LATE].append(share * (not good or delay_s > 0.9))
    return {name: sum(values) / sum(answered if name == DELAY else weights) for name, values in found.items()}


def gathered(traffic: Traffic) -> Gathered:
    return traffic.samples()[CHAT]


def told(traffic: Traffic) -> dict[str, Estimate]:
    found = gathered(traffic)
    return {name: estimate(found.samples, name, EstimateRules()) for name in MEASURES}


@pytest.mark.slow
def test_the_interval_covers_the_truth_and_is_worth_having() -> None:
    right, before = truth(lambda _: WISHED), truth(lambda at: served(at // 600.0 * 600.0))
    repeats = [told(logged(seed)) for seed in range(REPEATS)]
    for name in MEASURES:
        wished = [one[name].candidate for one in repeats]
        covered = [one is not None and one.lower <= right[name] <= one.upper for one in wished]
        assert fmean(covered) >= 0.9, name
        assert fmean(one.mean for one in wished if one) == pytest.approx(right[name], rel=0.05), name
        differences = [one[name].difference for one in repeats]
        gap = right[name] - before[name]
        seen = [one is not None and one.lower <= gap <= one.upper for one in differences]
        assert fmean(seen) >= 0.9, f"difference of {name}"
    cost = repeats[0][COST].difference
    assert cost is not None
    assert cost.upper < 0.0, "the cheaper shares are seen to be cheaper from one record"


def test_a_comparison_of_channels_alone_would_be_misled() -> None:
    """Were it not for the probabilities on record: shaky is mostly asked while it is well."""
    wished = {QUICK: 0.2, CHEAP: 0.2, SHAKY: 0.6}
    samples = [one for seed in range(3) for one in gathered(logged(seed, wished=wished)).samples]
    means = {c: fmean(s.values[LATE] for s in samples if s.channel == c) for c in CHANNELS}
    naive = sum(share * means[name] for name, share in wished.items())
    found = estimate(samples, LATE, EstimateRules()).candidate
    assert found is not None
    assert naive < found.lower


def test_there_is_no_number_for_a_channel_that_was_never_tried() -> None:
    found = told(logged(2, tried=(QUICK, SHAKY)))
    for one in found.values():
        assert one.candidate is None
        assert one.refused is not None
        assert "cheap" in one.refused


def test_requests_that_were_not_drawn_by_chance_are_left_out_and_counted() -> None:
    found = gathered(logged(3, sticky=0.5))
    assert found.without_chance == pytest.approx(len(found.samples), rel=0.15)
    assert estimate(gathered(logged(3, sticky=1.0)).samples, COST, EstimateRules()).refused


def test_too_few_requests_give_no_number() -> None:
    few = gathered(logged(4)).samples[:30]
    one = estimate(few, COST, EstimateRules())
    assert one.candidate is None
    assert one.refused is not None
    assert "30 requests" in one.refused

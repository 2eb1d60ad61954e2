"""The seeds as rows: what is saved, at which latency, and whether what is stated of itself is true."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Final

from bench.report import Row
from bench.savings.play import CHEAPEST, STATIC, Arm, Played
from bench.savings.setting import Setting
from bench.savings.traffic import AZURE, MOONCAKE
from foreroute.control.experiments.held_out import CONTROL, STEERED
from foreroute.simulate.compare_statistics import Estimate, estimate

SAVED_MIN, P95_RISE_MAX = 0.20, 0.10
SPEND_USD, SET_UP_USD, RUNNING_USD, PAYBACK_MONTHS_MAX = 5000.0, 2400.0, 100.0, 3.0
"""Assumed, as nobody published any: three days of work to set up, a small machine, and what is spent on models a month."""
_SEEDS_MIN: Final = 5
"""Of fewer an interval is too wide to judge a promise by."""
_HOW: Final = (
    "make bench NAME=savings: {traffic}, bench/savings/scenario.yaml; one run holds both arms (80 % steered, 20 % control "
    "by hash); static weights and cheapest-first have runs of their own with the same requests and luck; Student's 95 % "
    "interval over seeds"
)
_TRAFFIC: Final = {
    AZURE: "recorded Azure LLM traffic (an hour, a quarter of its requests a seed, twice after an hour of calm)",
    MOONCAKE: "traffic of the shape of the Mooncake conversation trace (half its rate, two hours after one of calm)",
}
_IDS: Final = {AZURE: "savings", MOONCAKE: "savings.mooncake"}


def rows(traffic: str, setting: Setting, found: Sequence[Played]) -> list[Row]:
    """What each kind of traffic says, by ids of its own."""
    made = [
        *_against(found, "arms", STEERED, CONTROL, promised=True),
        *_against(found, "static", STEERED, STATIC, promised=True),
        *_against(found, "cheapest", CHEAPEST, STATIC, promised=False),
        *_held(found),
        _payback(found),
        *_stated(found),
        _prices(setting),
        Row(id="seeds", what="seeds played", value=float(len(found)), unit="seeds"),
        _row("cpu", "processor time of a seed", [one.cpu_s for one in found], "s"),
    ]
    how = _HOW.format(traffic=_TRAFFIC[traffic])
    return [
        replace(row, id=f"{_IDS[traffic]}.{row.id}", what=f"{traffic}: {row.what}", how=how) for row in made
    ]


def _payback(found: Sequence[Played]) -> Row:
    """With what a small operator pays, stated: who has other figures puts them into `cost.optimum` and asks `cost savings`."""
    ratio = estimate(
        [1.0 - one.arms[STEERED].usd_per_request / one.arms[STATIC].usd_per_request for one in found]
    )
    months = SET_UP_USD / (ratio.mean * SPEND_USD - RUNNING_USD)
    least = (SET_UP_USD / PAYBACK_MONTHS_MAX + RUNNING_USD) / ratio.mean
    return Row(
        id="payback_months",
        what=f"months until {SET_UP_USD:,.0f} USD once and {RUNNING_USD:,.0f} a month are paid, of {SPEND_USD:,.0f} a month spent",
        value=months,
        unit="months",
        target=f"≤ {PAYBACK_MONTHS_MAX:g}",
        holds=0.0 < months <= PAYBACK_MONTHS_MAX,
        baseline=f"{PAYBACK_MONTHS_MAX:g} months from {least:,.0f} USD a month",
    )


def _against(found: Sequence[Played], name: str, one: str, other: str, *, promised: bool) -> Iterator[Row]:
    def ratios(figure: Callable[[Arm], float]) -> list[float]:
        return [figure(played.arms[one]) / figure(played.arms[other]) - 1.0 for played in found]

    saved = [-ratio for ratio in ratios(lambda arm: arm.usd_per_request)]
    late = ratios(lambda arm: arm.p95_s)
    cost, p95 = estimate(saved), estimate(late)
    usd = _mean(found, other, lambda arm: arm.usd_per_request * 1000.0)
    yield _row(
        f"{name}.saved",
        f"{one} costs so much less a request than {other}",
        saved,
        "ratio",
        target=f"≥ {SAVED_MIN:.2f}" if promised else None,
        holds=cost.lower >= SAVED_MIN if promised and len(found) >= _SEEDS_MIN else None,
        baseline=f"{other} ${usd:.3f} of 1,000",
    )
    yield _row(
        f"{name}.p95",
        f"{one}'s 95th percentile of the wait, relative to {other}'s",
        late,
        "ratio",
        target=f"≤ +{P95_RISE_MAX:.2f}" if promised else None,
        holds=p95.upper <= P95_RISE_MAX if promised and len(found) >= _SEEDS_MIN else None,
        baseline=f"{other} {_mean(found, other, lambda arm: arm.p95_s):.3f} s",
    )


def _held(found: Sequence[Played]) -> Iterator[Row]:
    below = sum(played.arms[STEERED].below_floor for played in found)
    yield Row(
        id="floor",
        what="steered requests that a channel below the quality floor was asked about",
        value=float(below),
        unit="requests",
        target="0",
        holds=below == 0,
    )
    failed = [played.arms[STEERED].failures - played.arms[CONTROL].failures for played in found]
    yield _row("failures", "share of failed requests, steered minus control", failed, "ratio")
    yield _row(
        "p50",
        "steered median of the wait, relative to the control's",
        [played.arms[STEERED].p50_s / played.arms[CONTROL].p50_s - 1.0 for played in found],
        "ratio",
    )


def _stated(found: Sequence[Played]) -> Iterator[Row]:
    """The truth is what the steered requests would have cost by the configured weights, reckoned from the world."""
    known = [(played.stated.change, played) for played in found if played.stated.change is not None]
    inside = [
        float(span.lower <= played.arms[STEERED].usd_per_request / played.usd_by_weights - 1.0 <= span.upper)
        for span, played in known
    ]
    yield Row(
        id="stated.coverage",
        what=f"runs whose stated 95 % interval holds the true difference (of {len(known)})",
        value=math.fsum(inside) / len(inside) if inside else math.nan,
        unit="ratio",
        target="≥ 0.90",
        holds=bool(inside) and math.fsum(inside) / len(inside) >= 0.9,
    )
    yield _row(
        "stated.change",
        "what `cost savings` states of the two hours",
        [span.value for span, _ in known],
        "ratio",
        baseline=f"true {_true(found):+.3f}",
    )
    widths = [(span.upper - span.lower) / 2.0 for span, _ in known]
    yield _row("stated.half_width", "half of its interval", widths, "ratio")


def _true(found: Sequence[Played]) -> float:
    values = [one.arms[STEERED].usd_per_request / one.usd_by_weights - 1.0 for one in found]
    return math.fsum(values) / len(values)


def _prices(setting: Setting) -> Row:
    """What was paid: the list prices of the day, in and out, per million tokens."""
    prices = {
        one.id: f"{one.model} ${one.price.input_usd_per_mtok} and ${one.price.output_usd_per_mtok}"
        for one in setting.world.channels
        if one.price is not None
    }
    return Row(
        id="prices",
        what=f"channels at the prices of genai-prices {version('genai-prices')}: {'; '.join(prices.values())}",
        value=float(len(prices)),
        unit="channels",
        target=f"{len(setting.world.channels)}",
        holds=len(prices) == len(setting.world.channels),
    )


def _mean(found: Sequence[Played], name: str, figure: Callable[[Arm], float]) -> float:
    return math.fsum(figure(played.arms[name]) for played in found) / len(found)


def _row(
    name: str,
    what: str,
    values: Sequence[float],
    unit: str,
    *,
    target: str | None = None,
    holds: bool | None = None,
    baseline: str | None = None,
) -> Row:
    found = estimate(values) if values else Estimate(math.nan, -math.inf, math.inf)
    sure = math.isfinite(found.lower)
    return Row(
        id=name,
        what=f"{what}{f' ({found.lower:+.3f} … {found.upper:+.3f})' if sure else ''}",
        value=found.mean,
        unit=unit,
        target=target,
        holds=holds,
        baseline=baseline,
        interval=(found.lower, found.upper) if sure else None,
        cells={"seeds": list(values)},
    )

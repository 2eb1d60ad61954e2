"""What became of a move, from what was then measured on the channels. Pure.

The requests that a move takes from one channel to another meet what others met there in the same minutes. So the
moved requests are compared: what was measured where they were taken from, beside what was measured where they were
brought, each channel weighted by how much it gave or took. That the move itself changes both a little (a relieved
channel gets faster) is not in these numbers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.control.moves import Grade, Move, Side, Verdict
from foreroute.core.decision import Capability, ReasonCode
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.core.series import FIRST_CHUNK_METRICS, value_of
from foreroute.monitor.sketch import share_above

Merge = Callable[[Sequence[Rollup]], Rollup]
_FAILURE_TROUBLES: Final = frozenset({ReasonCode.FAILING, ReasonCode.REMEDY})
_SLOW_TROUBLES: Final = frozenset({ReasonCode.FORECAST, ReasonCode.SLOW, ReasonCode.REMEDY})


@dataclass(frozen=True, slots=True, kw_only=True)
class GradingRules:
    """What counts as a difference."""

    samples_min: int = 10
    """Attempts that each side must have."""
    window_s: float = 180.0
    """Trouble is looked for in so long windows, as the reactive policy does."""
    window_samples_min: int = 5
    failure_ratio_max: float = 0.25
    bad_ratio_min: float = 0.01
    """Points of failed or late requests that matter, where chance does not explain them."""
    effect_ratio_min: float = 0.1
    """Relative difference of the mean that matters."""
    saving_ratio_min: float = 0.02
    """Relative difference of the price that matters to a budget and to the cost optimum."""
    z_min: float = 1.64
    """One-sided 95 %."""


def verdict(move: Move, rollups: Sequence[Rollup], merge: Merge, rules: GradingRules) -> Verdict:
    """`rollups`: the minutes of all channels from `move.at` to `move.due_at`, and only those are looked at."""
    found: dict[float, dict[ChannelId, Rollup]] = {}
    for one in rollups:
        if move.at <= one.window_start < move.due_at and _judged(one):
            found.setdefault(one.window_start, {})[one.channel] = one
    own = [minute[move.channel] for minute in found.values() if move.channel in minute]
    came = _came(move, own, merge, rules)
    gave, took = _flows(move)
    # A relieved channel is asked little while it is ill and much once it is well. So each minute counts by all the
    # traffic of the route's channels, and only minutes in which both sides were measured count at all.
    minutes = [m for m in found.values() if gave.keys() & m.keys() and took.keys() & m.keys()]
    source, sink = _side(move, gave, minutes), _side(move, took, minutes)
    requests = sum(gave.values()) * sum(_traffic(move, m) for m in found.values())
    if source is None or sink is None or min(source.judged, sink.judged) < rules.samples_min:
        measured = 0 if source is None else source.judged
        detail = f"not to be told: {measured} attempts where the requests came from"
        return Verdict(grade=Grade.UNKNOWN, at=move.due_at, came=came, detail=detail, requests=requests)
    return Verdict(
        grade=_grade(move, source, sink, came, rules),
        at=move.due_at,
        came=came,
        detail=_sentence(move, source, sink, came),
        source=source,
        sink=sink,
        requests=requests,
    )


def _traffic(move: Move, minute: Mapping[ChannelId, Rollup]) -> float:
    """Requests of the route in a minute, as far as the channels of the move tell: all of them as a rule."""
    share = sum(move.before.values())
    mine = sum(one.attempts for name, one in minute.items() if name in move.before)
    return mine / share if share > 0 else 0.0


def _flows(move: Move) -> tuple[dict[ChannelId, float], dict[ChannelId, float]]:
    """How much each channel gave and took."""
    change = {name: share - move.before.get(name, 0.0) for name, share in move.after.items()}
    gave = {name: -moved for name, moved in change.items() if moved < 0}
    return gave, {name: moved for name, moved in change.items() if moved > 0}


def _side(
    move: Move, flows: Mapping[ChannelId, float], minutes: Sequence[Mapping[ChannelId, Rollup]]
) -> Side | None:
    """None where nothing was measured. Each minute weighs by its traffic, each channel in it by its flow."""
    parts = []
    for minute in minutes:
        known = {name: flow for name, flow in flows.items() if name in minute}
        total, traffic = sum(known.values()), _traffic(move, minute)
        parts += [(traffic * flow / total, minute[name]) for name, flow in known.items()]
    if not parts or not sum(weight for weight, _ in parts):
        return None
    priced = [(w, float(one.cost_usd) / one.attempts) for w, one in parts if not one.unpriced_attempts]
    means = [(w, mean) for w, one in parts if (mean := _latency(move, one).mean_s) is not None]
    weight = sum(weight for weight, _ in parts)
    return Side(
        # Attempts that would say as much, had they all weighed the same (Kish 1965).
        judged=round(weight * weight / sum(w * w / _judged(one) for w, one in parts)),
        bad_ratio=_mean([(w, _bad_ratio(move, one)) for w, one in parts]) or 0.0,
        mean_s=_mean(means),
        usd_per_request=_mean(priced) if len(priced) == len(parts) else None,
    )


def _judged(rollup: Rollup) -> int:
    return rollup.attempts - rollup.ignored - rollup.throttles


def _bad_ratio(move: Move, rollup: Rollup) -> float:
    failed = rollup.failure_ratio or 0.0
    late = None if move.limit_s is None else share_above(_latency(move, rollup).sketch, move.limit_s)
    return failed + (1.0 - failed) * (late or 0.0)


def _latency(move: Move, rollup: Rollup) -> LatencySummary:
    return rollup.first_chunk if move.metric in FIRST_CHUNK_METRICS else rollup.latency


def _mean(pairs: Sequence[tuple[float, float]]) -> float | None:
    weight = sum(pair[0] for pair in pairs)
    return sum(w * value for w, value in pairs) / weight if weight > 0 else None


def _came(move: Move, own: Sequence[Rollup], merge: Merge, rules: GradingRules) -> bool | None:
    """Whether any window of its time shows what the move was made for; None where most of the time shows nothing."""
    if move.code not in _FAILURE_TROUBLES | _SLOW_TROUBLES:
        return None
    seen_s = 0.0
    for last in own:
        end = last.window_start + last.window_s
        window = merge([one for one in own if end - rules.window_s <= one.window_start < end])
        if _judged(window) < rules.window_samples_min:
            continue
        seen_s += last.window_s
        failing = move.code in _FAILURE_TROUBLES and (window.failure_ratio or 0.0) > rules.failure_ratio_max
        if failing or (move.code in _SLOW_TROUBLES and _is_late(move, window)):
            return True
    return False if seen_s >= (move.due_at - move.at) / 2.0 else None


def _is_late(move: Move, window: Rollup) -> bool:
    return (
        move.limit_s is not None and move.metric is not None and value_of(window, move.metric) > move.limit_s
    )


def _grade(move: Move, source: Side, sink: Side, came: bool | None, rules: GradingRules) -> Grade:
    bad = _differs(source, sink, rules)
    better = bad < 0 or (bad == 0 and _relative(source.mean_s, sink.mean_s) <= -rules.effect_ratio_min)
    worse = bad > 0 or (bad == 0 and _relative(source.mean_s, sink.mean_s) >= rules.effect_ratio_min)
    if move.capability in (Capability.BUDGET, Capability.OPTIMUM):
        saving = _relative(source.usd_per_request, sink.usd_per_request)
        better, worse = saving <= -rules.saving_ratio_min and bad <= 0, saving > 0 or bad > 0
    if better or worse:
        return Grade.HELPED if better else Grade.HURT
    return Grade.FALSE_ALARM if came is False else Grade.NO_DIFFERENCE


def _differs(source: Side, sink: Side, rules: GradingRules) -> int:
    """−1: clearly fewer bad ones where the requests went; 1: clearly more; 0: no matter, or it may be chance."""
    difference = sink.bad_ratio - source.bad_ratio
    error = math.sqrt(_variance(source) + _variance(sink))
    if abs(difference) < rules.bad_ratio_min or abs(difference) < rules.z_min * error:
        return 0
    return 1 if difference > 0 else -1


def _variance(side: Side) -> float:
    """Of its bad ratio, with one good and one bad attempt added: few attempts prove little (Agresti & Caffo 2000)."""
    count = side.judged + 2
    ratio = (side.bad_ratio * side.judged + 1.0) / count
    return ratio * (1.0 - ratio) / count


def _relative(before: float | None, after: float | None) -> float:
    """The change as a part of what was before; 0 where it cannot be told."""
    return 0.0 if not before or after is None else after / before - 1.0


def _sentence(move: Move, source: Side, sink: Side, came: bool | None) -> str:
    words = ("came", "did not come") if move.code is ReasonCode.FORECAST else ("went on", "was over")
    trouble = {True: f"the trouble {words[0]}; ", False: f"the trouble {words[1]}; ", None: ""}[came]
    were = "were" if move.executed else "would have been"
    parts = [f"{source.bad_ratio:.1%} failed or late → {sink.bad_ratio:.1%}"]
    if source.mean_s is not None and sink.mean_s is not None:
        parts.append(f"{source.mean_s * 1000:.0f} ms → {sink.mean_s * 1000:.0f} ms")
    if source.usd_per_request is not None and sink.usd_per_request is not None:
        parts.append(f"${source.usd_per_request * 1000:.3f} → ${sink.usd_per_request * 1000:.3f} per 1000")
    return f"{trouble}moved requests {were}: {', '.join(parts)}"

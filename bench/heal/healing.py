"""How much heals by itself, how fast, and against the reactive baseline on the same schedule.

A fault counts as recovered from when, without anybody's help,

- no user was lied to or kept beyond the deadline,
- at most 1 % of the users' requests in ten seconds were bad from some instant of the first minute on, the fault going on,
- every attempt was in the books, and
- every faulty channel served users again within 60 s of the fault's end.

Two clocks: the user's (from the first bad request until at most 1 % of ten seconds' requests are bad; 0 where none ever
was) and the channel's (from the onset until it gets less than 1 % of ten seconds' attempts). What never settles within its
fault counts with the fault's length, for both gateways.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from statistics import mean
from typing import Final

from bench.heal.injections import KINDS, Injection, played, schedule
from bench.heal.journal import Healed, Journal
from bench.heal.reactive import reactive
from bench.report import Row
from foreroute.chaos.answer import Verdict
from foreroute.chaos.judge import channel_clock, is_good, user_clock
from foreroute.chaos.seen import Seen
from foreroute.core.attempt import Attempt, Outcome, PickReason

EACH: Final = 11
EACH_QUICK: Final = 1
_SOON_S: Final = 60.0
_Z: Final = 1.96
_HOW: Final = (
    f"{len(KINDS)} kinds of faults in equal parts, four channels on loopback, about two requests a second, 40 to 60 s of fault, "
    "virtual time, real sockets"
)
_BASELINE: Final = (
    "the baseline is LiteLLM's policy (two retries, its cooldowns, simple-shuffle) over the same channels"
)


def healed(injection: Injection, seen: Seen) -> Healed:
    length_s = seen.ended_at - seen.began_at
    user_s, channel_s, back_s = user_clock(seen), channel_clock(seen), seen.back_s()
    during = seen.during()
    missed = _missed(seen, user_s, back_s)
    return Healed(
        kind=injection.kind,
        recovered=not missed,
        missed=missed,
        user_s=_from_first_bad(seen, length_s if user_s is None else user_s),
        channel_s=length_s if channel_s is None else channel_s,
        back_s=back_s,
        bad=sum(not is_good(seen, one) or one.answer.seconds > 2.0 for one in during),
        requests=len(during),
        attempts=sum(one.reason is not PickReason.PROBE for one in seen.attempts),
        probes=sum(one.reason is PickReason.PROBE for one in seen.attempts),
        tokens=sum(map(_tokens, seen.attempts)),
        probe_tokens=sum(_tokens(one) for one in seen.attempts if one.reason is PickReason.PROBE),
        retry_tokens=sum(_tokens(one) for one in seen.attempts if _is_in_vain(one)),
    )


def _missed(seen: Seen, user_s: float | None, back_s: float | None) -> str:
    """What it fell short of, in words; empty for a fault that was recovered from."""
    odd = [one.verdict for one in seen.asked if one.verdict not in {Verdict.COMPLETE, Verdict.TOLD}]
    found = []
    if odd:
        found.append(f"{len(odd)} answers were {odd[0]}")
    if user_s is None or user_s > _SOON_S:
        found.append(f"users were not well within {_SOON_S:g} s")
    if back_s is None or back_s > _SOON_S:
        found.append("the channel did not come back" if back_s is None else f"back after {back_s:.0f} s")
    if seen.unrecorded:
        found.append(f"{seen.unrecorded} attempts are not in the books")
    return ", ".join(found)


def _tokens(attempt: Attempt) -> int:
    usage = attempt.usage
    return (
        usage.input_tokens
        + usage.cached_input_tokens
        + usage.cache_write_tokens
        + usage.output_tokens
        + usage.reasoning_tokens
    )


def _is_in_vain(attempt: Attempt) -> bool:
    return attempt.reason is not PickReason.PROBE and attempt.outcome is not Outcome.SUCCESS


def _from_first_bad(seen: Seen, settled_s: float) -> float:
    bad = [one.at for one in seen.during() if not is_good(seen, one) or one.answer.seconds > 2.0]
    return max(0.0, settled_s - (min(bad) - seen.began_at)) if bad else 0.0


def rows(*, quick: bool) -> list[Row]:
    injections = schedule(EACH_QUICK if quick else EACH)
    journal = Journal.from_environment()
    ours, theirs = [], []
    for number, one in enumerate(injections, start=1):
        ours.append(journal.once(one, "foreroute", partial(_ours, one)))
        theirs.append(journal.once(one, "reactive", partial(_theirs, one)))
        journal.tell(number, len(injections))
    return [*_totals(ours, theirs), *_by_kind(ours, theirs)]


def _ours(injection: Injection) -> Healed:
    return healed(injection, played(injection))


def _theirs(injection: Injection) -> Healed:
    return healed(injection, _without_books(played(injection, reactive)))


def _without_books(seen: Seen) -> Seen:
    seen.unrecorded = 0
    return seen


def _totals(ours: Sequence[Healed], theirs: Sequence[Healed]) -> list[Row]:
    good, base = sum(one.recovered for one in ours), sum(one.recovered for one in theirs)
    ratio = good / len(ours)
    user, user_base = _mean(ours, lambda one: one.user_s), _mean(theirs, lambda one: one.user_s)
    channel, channel_base = _mean(ours, lambda one: one.channel_s), _mean(theirs, lambda one: one.channel_s)
    bad, bad_base = _bad_ratio(ours), _bad_ratio(theirs)
    probes = sum(one.probes for one in ours) / max(1, sum(one.attempts + one.probes for one in ours))
    own = sum(one.probe_tokens + one.retry_tokens for one in ours) / max(1, sum(one.tokens for one in ours))
    how = f"{len(ours)} injections: {_HOW}; {_BASELINE}"
    return [
        Row(id="heal.recovery_ratio", what="faults recovered from without anybody's help", value=ratio, unit="",
            target="≥ 0.98", holds=ratio >= 0.98, baseline=f"{base / len(theirs):.3f}", how=how,
            interval=wilson(good, len(ours))),
        Row(id="heal.mttr_user_s", what="users' time to recover, mean", value=user, unit="s",
            baseline=f"{user_base:.2f} s", how=how),
        Row(id="heal.mttr_ratio", what="users' time to recover over the baseline's", value=_ratio(user, user_base),
            unit="", target="≤ 0.70", holds=_ratio(user, user_base) <= 0.7, baseline="1", how=how),
        Row(id="heal.mttr_channel_s", what="until the channel has less than 1 %, mean", value=channel, unit="s",
            baseline=f"{channel_base:.2f} s", how=how),
        Row(id="heal.bad_ratio", what="requests that were bad while the faults lasted", value=bad, unit="",
            baseline=f"{bad_base:.4f}", how=how),
        Row(id="heal.probe_ratio", what="own probes among all attempts, a fault every other minute", value=probes,
            unit="", baseline="0", how=how),
        Row(id="heal.own_cost_ratio", what="probes and attempts in vain among all billed tokens", value=own,
            unit="", target="< 0.01", holds=own < 0.01, how=f"{how}; a probe asks for one token, 16 of a stream"),
    ]  # fmt: skip


def _by_kind(ours: Sequence[Healed], theirs: Sequence[Healed]) -> list[Row]:
    found = []
    for kind in KINDS:
        own, other = [one for one in ours if one.kind == kind], [one for one in theirs if one.kind == kind]
        recovered = sum(one.recovered for one in own)
        user = _mean(own, lambda one: one.user_s)
        cells = {
            name: {
                "recovered": sum(one.recovered for one in part),
                "injections": len(part),
                "user_s": round(_mean(part, lambda one: one.user_s), 2),
                "channel_s": round(_mean(part, lambda one: one.channel_s), 2),
                "back_s": round(max((one.back_s or math.inf for one in part), default=0.0), 1),
                "bad_ratio": round(_bad_ratio(part), 4),
            }
            for name, part in (("foreroute", own), ("reactive", other))
        }
        base = cells["reactive"]
        found.append(
            Row(
                id=f"heal.fault.{kind}",
                what=f"users' time to recover; {recovered} of {len(own)} recovered{_shortfall(own)}",
                value=user,
                unit="s",
                baseline=f"{base['user_s']} s, {base['recovered']} of {base['injections']}",
                cells=cells,
            )
        )
    return found


def _shortfall(parts: Sequence[Healed]) -> str:
    """Why those were not recovered from that were not."""
    reasons = sorted({one.missed for one in parts if one.missed})
    return f" ({'; '.join(reasons)})" if reasons else ""


def wilson(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a ratio (Wilson 1927)."""
    ratio, z2 = hits / total, _Z * _Z
    centre, scale = ratio + z2 / (2 * total), 1 + z2 / total
    margin = _Z * math.sqrt(ratio * (1 - ratio) / total + z2 / (4 * total * total))
    return (centre - margin) / scale, min(1.0, (centre + margin) / scale)


def _mean(parts: Sequence[Healed], figure: Callable[[Healed], float]) -> float:
    return mean(figure(one) for one in parts) if parts else 0.0


def _bad_ratio(parts: Sequence[Healed]) -> float:
    return sum(one.bad for one in parts) / max(1, sum(one.requests for one in parts))


def _ratio(value: float, base: float) -> float:
    return value / base if base else math.nan

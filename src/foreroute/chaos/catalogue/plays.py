"""Courses of their own, and what else has to hold after them."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from statistics import quantiles
from typing import Any, Final

from foreroute.chaos import acts, refusals
from foreroute.chaos.fault import Check, Fault, Play
from foreroute.chaos.house import House, standing_still
from foreroute.chaos.judge import channel_clock
from foreroute.chaos.process import Served
from foreroute.chaos.refusals import PAUSE_S
from foreroute.chaos.seen import Seen
from foreroute.core.attempt import Attempt, Outcome

POISON: Final = "the prompt of death"
_LEARNING_S: Final = 150.0
_TRIES: Final = 20
_FAST_S: Final = 0.05
_RETRY_LOAD_MAX: Final = 1.2
_HERD_FACTOR: Final = 2.0
_SLO_S: Final = 1.0
_LIMIT_USED: Final = 0.9
_THROTTLED_MAX: Final = 0.02
_SETTLED_S: Final = 200.0
_APART_S: Final = 8.0
"""Users' attempts that are so far apart belong to two visits."""


def learn_refusal(text: str, more: Mapping[str, Any]) -> Play:
    """The same request before and after the control loop has had the time to learn from it."""

    async def play(house: House, fault: Fault) -> None:
        await house.users(fault.course.warm_s)
        await house.begin()
        calls = house.faulty[0].calls
        for _ in range(_TRIES):
            before = len(calls)
            await house.ask(text, more=more)
            if len(calls) > before:
                break
        await house.users(_LEARNING_S)
        house.seen.notes["learnt_at_s"] = house.now()
        for _ in range(_TRIES):
            await house.ask(text, more=more)
        await house.end()
        await house.users_until_back(fault.course.after_s)

    return play


def learnt_once(seen: Seen) -> list[str]:
    again = [one for one in seen.failures() if one.started_at >= seen.notes["learnt_at_s"]]
    seen.notes["failures_again"] = float(len(again))
    return [f"{len(again)} requests failed that were known to be refused"] if again else []


async def poison(house: House, fault: Fault) -> None:
    """Eight in a row, then one now and then, among sound requests."""
    await house.users(fault.course.warm_s)
    await house.begin()
    answers = [await house.ask(POISON, keep=False) for _ in range(8)]
    for _ in range(20):
        await house.users(2.0)
        answers.append(await house.ask(POISON, keep=False))
    standings = house.data.gateway.standings(house.now())
    notes = house.seen.notes
    notes["opened"] = float(sum(one.breaker_opened_total for one in standings.values()))
    notes["most_attempts"] = float(max(int(one.headers["x-foreroute-attempts"]) for one in answers))
    notes["not_told"] = float(sum(one.status < 500 for one in answers))
    await house.end()
    await house.users_until_back(fault.course.after_s)


def poison_checked(seen: Seen) -> list[str]:
    notes, found = seen.notes, []
    if notes["opened"]:
        found.append(f"{notes['opened']:.0f} breakers opened for the fault of one request")
    if notes["most_attempts"] > 2:
        found.append(f"it was tried {notes['most_attempts']:.0f} times (allowed 2)")
    if notes["not_told"]:
        found.append(f"{notes['not_told']:.0f} of its callers did not get the error")
    return found


def same_error(seen: Seen) -> list[str]:
    statuses = {one.answer.status for one in seen.during()}
    return [] if len(statuses) == 1 else [f"callers got {sorted(statuses)} for one cause"]


def left_alone(seen: Seen) -> list[str]:
    """No attempt before the time that was told; users again within 5 s after it."""
    on_it = [one for one in seen.attempts if one.channel in seen.faulty and one.started_at >= seen.began_at]
    told = [one for one in on_it if one.outcome is Outcome.THROTTLED]
    if not told:
        return ["it was never asked"]
    until = told[0].started_at + told[0].duration_s + PAUSE_S
    early = [one for one in on_it if told[0].started_at < one.started_at < until - 1.0]
    served = [
        one.started_at for one in on_it if one.outcome is Outcome.SUCCESS and one.started_at >= until - 1.0
    ]
    found = [f"{len(early)} attempts before the time that was told"] if early else []
    seen.notes["back_after_pause_s"] = min(served, default=float("inf")) - until
    if seen.notes["back_after_pause_s"] > 5.0:
        found.append(
            f"back {seen.notes['back_after_pause_s']:.1f} s after the time that was told (allowed 5 s)"
        )
    return found


def paused(seen: Seen) -> list[str]:
    ratio = len(seen.on_faulty()) / max(1, len(seen.during()))
    return [f"{ratio:.2f} attempts a request while all asked for a pause"] if ratio > 0.5 else []


def limit_used(per_s: float) -> Check:
    """Of the last part of the fault: how much of the limit is used, and how many attempts go beyond it."""

    def check(seen: Seen) -> list[str]:
        late = [one for one in seen.on_faulty() if one.started_at >= seen.ended_at - _SETTLED_S]
        used = sum(one.outcome is Outcome.SUCCESS for one in late) / _SETTLED_S / per_s
        over = sum(one.outcome is Outcome.THROTTLED for one in late) / max(1, len(late))
        seen.notes |= {"limit_used": used, "throttled": over}
        found = []
        if used < _LIMIT_USED:
            found.append(f"{used:.0%} of the limit was used (wanted {_LIMIT_USED:.0%})")
        if over > _THROTTLED_MAX:
            found.append(f"{over:.1%} of the attempts were over the limit (allowed {_THROTTLED_MAX:.0%})")
        return found

    return check


def calm(seen: Seen) -> list[str]:
    """Refusals are fast, and retries do not multiply the load."""
    times = sorted(one.answer.seconds for one in seen.during())
    load = len(seen.on_faulty()) / max(1, len(times))
    p95_s = quantiles(times, n=20)[18]
    seen.notes |= {"attempts_per_request": load, "refused_p95_s": p95_s}
    found = []
    if p95_s > _FAST_S:
        found.append(
            f"95 % of the refusals took up to {p95_s * 1000:.0f} ms (allowed {_FAST_S * 1000:.0f} ms)"
        )
    if load > _RETRY_LOAD_MAX:
        found.append(f"{load:.2f} attempts a request (allowed {_RETRY_LOAD_MAX})")
    return found


def calm_once_down(seen: Seen) -> list[str]:
    """Nobody storms back: no second of the recovery has more attempts than twice the requests that came."""
    started = [one.started_at for one in seen.attempts if one.started_at >= seen.ended_at]
    most = max(Counter(int(at) for at in started).values(), default=0)
    allowed = _HERD_FACTOR / seen.fault.course.pace_s
    seen.notes["most_in_a_second"] = float(most)
    return [f"{most} attempts in one second after the end (allowed {allowed:.0f})"] if most > allowed else []


def moved_within(seconds: float) -> Check:
    def check(seen: Seen) -> list[str]:
        took_s = channel_clock(seen)
        late = took_s is None or took_s > seconds
        shown = "never" if took_s is None else f"after {took_s:.1f} s"
        return [f"traffic had moved {shown} (allowed {seconds:g} s)"] if late else []

    return check


def peers_keep_pace(seen: Seen) -> list[str]:
    def p95_s(attempts: list[Attempt]) -> float:
        times = [one.duration_s for one in attempts if one.channel not in seen.faulty]
        return quantiles(times, n=20)[18]

    before = p95_s([one for one in seen.attempts if one.started_at < seen.began_at])
    during = p95_s([one for one in seen.attempts if seen.began_at <= one.started_at < seen.ended_at])
    return (
        [f"the others' p95 went from {before:.3f} s to {during:.3f} s"]
        if during > 1.1 * before + 0.005
        else []
    )


def ramp(usual_s: float, worst_s: float, *, over_s: float) -> Play:
    """All take their usual time; the faulty one more and more, until it has got to the worst."""

    async def play(house: House, fault: Fault) -> None:
        for station in house.stations.values():
            station.act = acts.slow(usual_s)
        await house.users(240.0)
        house.seen.began_at = began_at = house.now()

        def delay_s() -> float:
            passed = (house.now() - began_at) / over_s if over_s else 1.0
            return usual_s + (worst_s - usual_s) * min(1.0, passed)

        async def slower(exchange: Any, request: acts.Request) -> None:
            await asyncio.sleep(delay_s())
            await acts.sound(exchange, request)

        for station in house.faulty:
            station.act = slower
        house.seen.notes["crossed_s"] = over_s * (_SLO_S - usual_s) / (worst_s - usual_s)
        await house.users(fault.course.fault_s)
        for station in house.faulty:
            station.act = acts.slow(usual_s)
        house.seen.ended_at = house.now()
        await house.users_until_back(fault.course.after_s)

    return play


def slow_cut(within_s: float) -> Check:
    """From then on the slow channel has less than half of what it had, and 95 % of users keep the objective."""

    def check(seen: Seen) -> list[str]:
        at = seen.began_at + within_s
        late = [one for one in seen.attempts if at <= one.started_at < seen.ended_at]
        share = sum(one.channel in seen.faulty for one in late) / max(1, len(late))
        p95_s = quantiles([one.answer.seconds for one in seen.during() if one.at >= at], n=20)[18]
        seen.notes |= {"share_then": share, "p95_then_s": p95_s}
        found = []
        if share > 0.25:
            found.append(f"the slow channel still had {share:.0%} of the traffic")
        if p95_s > _SLO_S:
            found.append(f"95 % of the users waited up to {p95_s:.2f} s (objective {_SLO_S:g} s)")
        return found

    return check


def flap(period_s: float) -> Play:
    async def play(house: House, fault: Fault) -> None:
        await house.users(fault.course.warm_s)
        house.seen.began_at = house.now()
        while house.now() < house.seen.began_at + fault.course.fault_s:
            for act in (refusals.broken, acts.sound):
                for station in house.faulty:
                    station.act = act
                await house.users(period_s)
        house.seen.ended_at = house.now()
        await house.users_until_back(fault.course.after_s)

    return play


def few_switches(per_minute: float) -> Check:
    def check(seen: Seen) -> list[str]:
        starts = sorted(one.started_at for one in seen.on_faulty())
        visits = sum(later - sooner > _APART_S for sooner, later in pairwise(starts)) + bool(starts)
        times = visits / (seen.fault.course.fault_s / 60.0)
        seen.notes["switches_per_minute"] = times
        return [f"switched {times:.1f} times a minute (allowed {per_minute:g})"] if times > per_minute else []

    return check


async def kill_and_restart(house: House, fault: Fault) -> None:
    """A process of its own, killed with SIGKILL."""
    (station,) = house.faulty
    await station.close()
    served = Served(station.port)
    try:
        await standing_still(house.loop, served.start)
        await house.users(fault.course.warm_s)
        await standing_still(house.loop, served.kill)
        house.seen.began_at = house.now()
        await house.users(60.0)
        await standing_still(house.loop, served.start)
        house.seen.ended_at = house.now()
        await house.users(fault.course.after_s)
        await house.answered()
    finally:
        served.kill()


async def oom_loop(house: House, fault: Fault) -> None:
    """A process that is killed by each request, and a supervisor that starts it again within a second."""
    (station,) = house.faulty
    await station.close()
    served = Served(station.port)
    try:
        await standing_still(house.loop, served.start)
        await house.users(fault.course.warm_s)
        await standing_still(house.loop, served.kill)
        await standing_still(house.loop, served.start_dying)
        house.seen.began_at = house.now()
        for _ in range(int(fault.course.fault_s)):
            await house.users(1.0)
            if not await standing_still(house.loop, served.is_alive):
                await standing_still(house.loop, served.start_dying)
        await standing_still(house.loop, served.kill)
        await standing_still(house.loop, served.start)
        house.seen.ended_at = house.now()
        house.seen.notes["restarts"] = float(served.starts - 2)
        await house.users(fault.course.after_s)
        await house.answered()
    finally:
        served.kill()

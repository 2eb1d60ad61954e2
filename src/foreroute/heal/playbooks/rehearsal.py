"""What a playbook would do on the operator's own channels: its trouble is made up, minute for minute, and the real engine
acts upon it. Once in a world in which it helps, once in one that it makes worse.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Anomaly, Direction, Forecast, ForecastSkill
from foreroute.core.ids import ChannelId
from foreroute.core.playbook_ports import Answer
from foreroute.core.playbook_run import PlaybookRun, RunMode
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.core.series import Metric
from foreroute.heal.engine import HealEngine, HealSettings
from foreroute.heal.playbooks import playbook as made
from foreroute.heal.playbooks.engine import advance
from foreroute.heal.playbooks.playbook import Playbook
from foreroute.heal.playbooks.sight import Sight
from foreroute.heal.playbooks.state import (
    Answered,
    Begun,
    Book,
    Command,
    EngineState,
    Event,
    Looked,
    Tell,
    Undo,
)
from foreroute.heal.scopes import ScopeKind, scopes
from foreroute.heal.treatments import treated, treatments

_MINUTE_S: Final = 60.0
_BEFORE: Final = 16
"""Minutes of good health first: what is usual has to be known."""
_PROVOKED: Final = 20
"""Minutes of trouble in which it must have begun."""
_START_AT: Final = 1_767_571_200.0
"""A Monday, 00:00 UTC."""
_ATTEMPTS: Final = 60


class World(StrEnum):
    HELPS = "helps"
    WORSE = "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """How it went in one world. `run` None: it never began."""

    world: World
    run: PlaybookRun | None
    by_hand: bool = False
    """Its trouble could not be made up here, so it was begun as a person would."""
    told: tuple[str, ...] = ()


@dataclass(slots=True)
class _Stage:
    """The world's state from minute to minute."""

    playbook: Playbook
    world: World
    channels: tuple[Channel, ...]
    scope: str
    own: tuple[ChannelId, ...]
    groups: tuple[frozenset[ChannelId], ...]
    heal: HealEngine = field(default_factory=lambda: HealEngine(HealSettings()))
    state: EngineState = field(default_factory=EngineState)
    rollups: list[Rollup] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    at: float = _START_AT


def rehearse(
    playbook: Playbook,
    world: World,
    channels: Sequence[Channel],
    groups: Sequence[frozenset[ChannelId]],
) -> Rehearsed:
    """Pure. `groups`: the channels of each route. The mode is taken for automatic, and nothing freezes it."""
    guards = replace(playbook.guards, freeze=())
    playbook = replace(playbook, mode=RunMode.AUTO, guards=guards, escalation=())
    scope, own = _scope_of(playbook, channels, groups)
    stage = _Stage(
        playbook=playbook,
        world=world,
        channels=tuple(channels),
        scope=scope,
        own=own,
        groups=tuple(groups),
    )
    by_hand = not _provoke(stage)
    if by_hand:
        _take(stage, Begun(playbook=playbook.name, scope=scope, channels=own, actor="rehearsal"))
    minutes = 0
    while (run := _run(stage)) is not None and not run.is_over and minutes < playbook.timeout_s / 60.0 + 5:
        _minute(stage, trouble=False)
        minutes += 1
    return Rehearsed(world=world, run=_run(stage), by_hand=by_hand, told=tuple(stage.told))


def _scope_of(
    playbook: Playbook, channels: Sequence[Channel], groups: Sequence[frozenset[ChannelId]]
) -> tuple[str, tuple[ChannelId, ...]]:
    """The largest scope of the playbook's kind that leaves others on its routes; else the first."""
    kind = next((trigger.scope for trigger in playbook.triggers), ScopeKind.CHANNEL)
    known = list(scopes(kind, channels))
    for name, members in sorted(known, key=lambda one: -len(one[1])):
        if any(group & set(members) and group - set(members) for group in groups):
            return name, members
    return known[0]


def _provoke(stage: _Stage) -> bool:
    for _ in range(_BEFORE):
        _minute(stage, trouble=False)
    for _ in range(_PROVOKED):
        _minute(stage, trouble=True)
        if _run(stage) is not None:
            return True
    return False


def _run(stage: _Stage) -> PlaybookRun | None:
    found = [run for run in stage.state.runs.values() if run.playbook == stage.playbook.name]
    return min(found, key=lambda run: run.started_at, default=None)


def _minute(stage: _Stage, *, trouble: bool) -> None:
    stage.rollups.extend(_rollups(stage, trouble=trouble))
    stage.at += _MINUTE_S
    recent = [one for one in stage.rollups if one.window_start >= stage.at - 900.0]
    book = Book.of([stage.playbook])
    done = treatments(stage.state, book, stage.at, shadows=False)
    found = stage.heal.update(stage.at, recent, stage.channels, done)
    names = [channel.id for channel in stage.channels]
    sight = Sight(
        at=stage.at,
        channels=stage.channels,
        rollups=recent,
        groups=stage.groups,
        weights=dict.fromkeys(names, 1.0 / len(names)),
        objectives={name: (_metric(stage), 1.0) for name in names},
        incidents=tuple(treated(one, done) for one in found.incidents),
        anomalies=tuple(_anomalies(stage)) if trouble else (),
        forecasts={(one.channel, one.metric): one for one in _forecasts(stage)} if trouble else {},
        skills=tuple(_skills(stage)),
        costs=dict.fromkeys(names, 0.001),
    )
    _take(stage, Looked(sight))


def _take(stage: _Stage, event: Event) -> None:
    """Whatever is asked for is done at once, and well."""
    book = Book.of([stage.playbook])
    stage.state, asked = advance(stage.state, event, stage.at, book)
    waiting: list[Command] = list(asked)
    while waiting:
        command = waiting.pop(0)
        if isinstance(command, Tell):
            stage.told.append(command.text)
            continue
        answer = Answered(
            command.run, command.step, Answer(ok=True, said="done"), undo=isinstance(command, Undo)
        )
        stage.state, more = advance(stage.state, answer, stage.at, book)
        waiting.extend(more)


# The made-up world -------------------------------------------------------------------------------------------------


def _rollups(stage: _Stage, *, trouble: bool) -> Iterator[Rollup]:
    """While it goes on, its own channels fail. Once the playbook runs: well, or worse on all of them."""
    run = _run(stage)
    worse = run is not None and stage.world is World.WORSE
    kind = _cause(stage)
    for channel in stage.channels:
        fails = worse or (trouble and channel.id in stage.own)
        held = (
            channel.id in stage.own
            and run is not None
            and any(
                hold.channel == channel.id and hold.value <= 0.0 and hold.is_on(stage.at)
                for hold in run.holds
            )
        )
        attempts = 0 if held else _ATTEMPTS
        bad = round(attempts * 0.9) if fails else 0
        slow_s = 5.0 if worse else 0.5
        throttled = kind is FailureClass.RATE_LIMITED
        yield Rollup(
            channel=channel.id,
            window_start=stage.at,
            source="rehearsal",
            attempts=attempts,
            successes=attempts - bad,
            throttles=bad if throttled else 0,
            failures={} if throttled or not bad else {kind: bad},
            latency=LatencySummary(count=attempts, total_s=slow_s * attempts, p50_s=slow_s, p95_s=slow_s),
            first_chunk=LatencySummary(count=attempts, total_s=slow_s * attempts, p50_s=slow_s, p95_s=slow_s),
        )


def _cause(stage: _Stage) -> FailureClass:
    for trigger in stage.playbook.triggers:
        if isinstance(trigger, made.FailureTrigger):
            return min(trigger.classes)
    return FailureClass.SERVER_ERROR


def _metric(stage: _Stage) -> Metric:
    for trigger in stage.playbook.triggers:
        if isinstance(trigger, made.ForecastTrigger):
            return trigger.metric
    return Metric.FIRST_CHUNK_P95


def _anomalies(stage: _Stage) -> Iterator[Anomaly]:
    for trigger in stage.playbook.triggers:
        if isinstance(trigger, made.AnomalyTrigger):
            yield Anomaly(
                channel=stage.own[0],
                metric=trigger.metric,
                at=stage.at,
                value=5.0,
                expected=0.5,
                score=10.0 * trigger.score,
                threshold=1.0,
                detector="rehearsal",
                kind=min(trigger.kinds),
                direction=trigger.direction or Direction.HIGH,
                since_at=stage.at - trigger.hold_s,
            )


def _forecasts(stage: _Stage) -> Iterator[Forecast]:
    for trigger in stage.playbook.triggers:
        if isinstance(trigger, made.ForecastTrigger):
            limit = 1.0 if trigger.above is None else trigger.above
            steps = max(1, round(trigger.horizon_s / _MINUTE_S))
            yield Forecast(
                channel=stage.own[0],
                metric=trigger.metric,
                origin_at=stage.at,
                step_s=_MINUTE_S,
                mean=(2.0 * limit,) * steps,
                lower=(1.8 * limit,) * steps,
                upper=(2.2 * limit,) * steps,
                coverage=0.8,
                model="rehearsal",
            )


def _skills(stage: _Stage) -> Iterator[ForecastSkill]:
    for trigger in stage.playbook.triggers:
        if isinstance(trigger, made.ForecastTrigger):
            yield ForecastSkill(
                channel=stage.own[0],
                metric=trigger.metric,
                horizon_s=trigger.horizon_s,
                model="rehearsal",
                outcomes=100,
                mean_absolute_error=0.2,
                naive_mean_absolute_error=1.0,
                has_vote=True,
            )

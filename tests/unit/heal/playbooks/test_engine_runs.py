"""The pure machine: what begins, what is done, how it ends."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.playbook_house import (
    CHANNELS,
    MINUTE,
    OUT,
    START_AT,
    VERIFY,
    A,
    B,
    World,
    channel,
    ended_once,
    hook,
    incident,
    minute,
    playbook,
    step,
    when,
)

from foreroute.core.decision import Autopilot
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Anomaly, Forecast, ForecastSkill
from foreroute.core.playbook_ports import Answer
from foreroute.core.playbook_run import HoldKind, PlaybookRun, RunMode, RunState, StepState
from foreroute.core.series import Metric
from foreroute.heal.playbooks.engine import advance
from foreroute.heal.playbooks.playbook import (
    AnomalyTrigger,
    Canary,
    Escalation,
    FailureTrigger,
    ForecastTrigger,
    Frozen,
    Guards,
    ManualTrigger,
    OnError,
    Playbook,
    ScheduleTrigger,
    ThresholdTrigger,
    Verify,
)
from foreroute.heal.playbooks.state import (
    Answered,
    Approved,
    Begun,
    Book,
    Command,
    Do,
    EngineState,
    Event,
    Looked,
    Rejected,
    Resumed,
    Rules,
    Stopped,
    Tell,
    Undo,
)
from foreroute.heal.playbooks.steps import (
    Eject,
    LimitShare,
    Note,
    Probe,
    ProbeKind,
    Restore,
    SetConcurrency,
    ShiftTraffic,
    Wait,
)
from foreroute.heal.scopes import ScopeKind


class Machine:
    """A machine in a world; what it asks for is answered by `answers`, well by default, or left open."""

    def __init__(self, *playbooks: Playbook, rules: Rules | None = None) -> None:
        self.book = Book.of(playbooks, rules)
        self.state, self.world = EngineState(), World()
        self.answers: dict[str, bool | None] = {}
        self.asked: list[Command] = []

    def take(self, event: Event, at: float | None = None) -> None:
        at = self.world.at if at is None else at
        self.state, commands = advance(self.state, event, at, self.book)
        self.asked += commands
        for one in commands:
            if isinstance(one, Do | Undo):
                undo = isinstance(one, Undo)
                ok = self.answers.get(f"{one.step}/undo" if undo else one.step, True)
                if ok is not None:
                    self.take(Answered(one.run, one.step, Answer(ok=ok, said="as told"), undo=undo), at)

    def look(self, **more: Any) -> None:
        self.take(Looked(self.world.sight(**more)))

    def minutes(self, count: int, **more: Any) -> None:
        for _ in range(count):
            self.world.step()
            self.look(**more)

    @property
    def runs(self) -> Sequence[PlaybookRun]:
        return sorted(self.state.runs.values(), key=lambda run: (run.started_at, run.playbook))

    @property
    def run(self) -> PlaybookRun:
        (run,) = self.runs
        return run

    def now(self) -> RunState:
        return self.run.state

    def states(self) -> list[str]:
        return [run.state.value for run in self.runs]

    def held(self) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], float] = {}
        for _, hold in self.state.holds(self.world.at):
            key = (str(hold.channel), hold.kind.value)
            found[key] = min(hold.value, found.get(key, 9.0))
        return found

    def told(self) -> list[str]:
        return [one.text for one in self.asked if isinstance(one, Tell)]


def ill(*playbooks: Playbook, **more: Any) -> Machine:
    machine = Machine(*playbooks, **more)
    machine.minutes(2)
    machine.world.ill = True
    machine.minutes(1)
    return machine


def test_it_begins_acts_and_is_verified():
    machine = ill(playbook("book", hook("call"), OUT))
    assert machine.now() is RunState.VERIFYING
    assert machine.held() == {("a", "share"): 0.0}
    assert machine.run.trigger.startswith("overloaded_or_capacity: 18 of 40")
    assert "ok_rate" in machine.run.evidence
    machine.minutes(2)
    assert machine.now() is RunState.VERIFYING, "the window is not whole yet"
    machine.minutes(1)
    assert machine.now() is RunState.VERIFIED
    assert "peer_ok_rate >= 0.95: yes (peer_ok_rate 1)" in machine.run.why
    assert machine.held() == {("a", "share"): 0.0}, "what it holds ends by itself"
    assert ended_once(machine.run.notes)
    assert [type(one) for one in machine.asked] == [Do]


def test_what_makes_things_worse_is_rolled_back_the_last_step_first():
    machine = ill(playbook("book", hook("one"), OUT, hook("two")))
    machine.world.peers = 0.2
    machine.minutes(3)
    assert machine.now() is RunState.ROLLED_BACK
    assert "it made things worse" in machine.run.why
    assert machine.held() == {}
    assert [(type(one).__name__, one.step) for one in machine.asked if isinstance(one, Do | Undo)] == [
        ("Do", "one"), ("Do", "two"), ("Undo", "two"), ("Undo", "one")
    ]  # fmt: skip
    assert {one.state for one in machine.run.steps} == {StepState.UNDONE}
    assert ended_once(machine.run.notes)


def test_one_bad_look_is_not_enough_where_the_limit_is_two():
    machine = ill(playbook())
    machine.world.peers = 0.2
    machine.minutes(2)
    assert (machine.run.state, machine.run.bad_looks) == (RunState.VERIFYING, 1)
    machine.world.peers = 1.0
    machine.minutes(3)
    assert machine.runs[0].state is RunState.VERIFIED


def test_inconclusive_holds_until_the_time_is_up():
    quiet = replace(VERIFY, samples_min=1000)
    machine = ill(playbook("book", OUT, verify=quiet, timeout_s=600.0, max_attempts=1))
    machine.minutes(9)
    assert machine.now() is RunState.VERIFYING
    assert machine.held() == {("a", "share"): 0.0}
    machine.minutes(1)
    assert machine.now() is RunState.ROLLED_BACK
    assert "too few requests" in machine.run.why
    assert machine.held() == {}


def test_the_same_look_again_changes_nothing():
    machine = ill(playbook(cooldown_s=0.0))
    for _ in range(6):
        before = machine.state
        machine.look()
        assert machine.state == before
        machine.minutes(1)


@pytest.mark.parametrize(
    ("on_error", "state", "left"),
    [
        (OnError.ROLLBACK, RunState.ROLLED_BACK, StepState.PENDING),
        (OnError.CONTINUE, RunState.VERIFYING, StepState.DONE),
        (OnError.ABORT, RunState.VERIFYING, StepState.SKIPPED),
    ],
)
def test_a_step_that_fails(on_error: OnError, state: RunState, left: StepState):
    machine = Machine(playbook("book", hook("first"), hook("bad", on_error=on_error), OUT))
    machine.answers["bad"] = False
    machine.world.ill = True
    machine.minutes(1)
    assert (machine.run.state, machine.run.step("out").state) == (state, left)
    assert bool([one for one in machine.asked if isinstance(one, Undo)]) == (state is RunState.ROLLED_BACK)


def test_no_answer_is_a_failure_and_a_late_one_is_not_heard():
    machine = Machine(playbook("book", hook("slow", timeout_s=60.0)))
    machine.answers["slow"] = None
    machine.world.ill = True
    machine.minutes(1)
    assert machine.run.step("slow").state is StepState.ASKED
    machine.minutes(2)
    assert machine.now() is RunState.ROLLED_BACK
    before = machine.state
    machine.take(Answered(machine.run.id, "slow", Answer(ok=True)))
    assert machine.state == before


def test_a_step_waits_and_another_is_skipped_and_a_probe_decides():
    ask = step("ask", Probe(kind=ProbeKind.TCP, times=1, ok_min=1), on_error=OnError.CONTINUE)
    machine = Machine(
        playbook(
            "book",
            ask,
            step("rest", Wait(for_s=90.0)),
            replace(OUT, when=when("not probe_ok")),
            hook("x", when=when("probe_ok")),
        )
    )
    machine.answers["ask"] = False
    machine.world.ill = True
    machine.minutes(2)
    assert machine.run.step("rest").state is StepState.ASKED
    machine.minutes(1)
    states = {one.id: one.state for one in machine.run.steps}
    assert (states["out"], states["x"]) == (StepState.DONE, StepState.SKIPPED)


def test_a_canary_first_then_the_whole_of_it():
    part = replace(OUT, canary=Canary(share=0.25, for_s=120.0))
    machine = ill(playbook("book", part))
    assert machine.held() == {("a", "share"): 0.75}
    machine.minutes(2)
    assert machine.held() == {("a", "share"): 0.0}
    machine = ill(playbook("book", part))
    machine.world.peers = 0.1
    machine.minutes(1)
    assert machine.now() is RunState.ROLLED_BACK
    assert "canary of out did harm" in machine.run.why


def test_guards_conditions_and_freezes():
    guarded = playbook(guards=Guards(healthy_share_min=0.6))
    machine = Machine(guarded)
    machine.world.ill = True
    machine.minutes(1)
    assert machine.now() is RunState.ROLLED_BACK
    assert machine.run.step("out").state is StepState.REFUSED
    assert "only 50% of the weight is on healthy channels" in machine.run.why
    assert ill(playbook(conditions=(when("healthy_alternatives >= 2"),))).runs == []
    assert ill(playbook(conditions=(when("objective_now > 1"),))).runs == [], (
        "what is not known does not hold"
    )
    night = Frozen(begins_s=0.0, lasts_s=3600.0, days=frozenset({0}))
    machine = ill(playbook(guards=Guards(freeze=(night,))))
    assert machine.runs == []
    machine.minutes(58)
    assert len(machine.runs) == 1, "the hour of Monday is over"


def test_a_cut_goes_in_steps_where_the_guard_says_so():
    machine = ill(playbook(guards=Guards(shift_max=0.4)))
    assert machine.held() == {("a", "share"): pytest.approx(0.6)}
    machine.minutes(1)
    assert machine.held() == {("a", "share"): pytest.approx(0.2)}
    machine.minutes(1)
    assert machine.held() == {("a", "share"): 0.0}
    shift = step("move", ShiftTraffic(share=0.3, step=0.1, every_s=60.0, for_s=900.0))
    machine = ill(playbook("book", shift))
    machine.minutes(2)
    assert machine.held() == {("a", "share"): pytest.approx(0.7)}


def test_the_highest_priority_runs_and_takes_the_channels_from_a_lower_one():
    low, high = playbook("low", hook("x"), OUT, priority=10), playbook("high", priority=90)
    machine = ill(low, high)
    assert [run.playbook for run in machine.runs] == ["high"]
    late = replace(high, conditions=(when("peer_p95 > 1"),))
    machine = ill(low, late)
    assert machine.states() == ["verifying"]
    machine.world.peer_slow_s = 3.0
    machine.minutes(2)
    by_name = {run.playbook: run for run in machine.runs}
    assert by_name["low"].state is RunState.ROLLED_BACK
    assert by_name["low"].why == "high has priority"
    assert by_name["high"].state is RunState.VERIFYING
    assert machine.held() == {("a", "share"): 0.0}


def test_a_lower_one_that_needs_time_to_give_way_is_waited_for():
    low = playbook("low", hook("x"), OUT, priority=10)
    machine = ill(low, replace(playbook("high", priority=90), conditions=(when("peer_p95 > 1"),)))
    machine.answers["x/undo"] = None
    machine.world.peer_slow_s = 3.0
    machine.minutes(2)
    assert [run.playbook for run in machine.runs] == ["low"]
    machine.take(Answered(machine.run.id, "x", Answer(ok=True), undo=True))
    machine.minutes(1)
    assert [run.playbook for run in machine.runs] == ["low", "high"]


def test_attempts_and_cooldown_bound_the_runs_of_an_incident():
    never = replace(VERIFY, success=(when("peer_ok_rate > 2"),))
    machine = ill(playbook(verify=never, timeout_s=120.0, cooldown_s=300.0, max_attempts=3))
    machine.minutes(40)
    starts = [run.started_at - START_AT for run in machine.runs]
    assert [run.number for run in machine.runs] == [1, 2, 3]
    assert starts == [180.0, 480.0, 780.0]
    longest = [
        max(hold.until - hold.from_at for s in run.steps for hold in s.holds)
        for run in machine.runs
        if run.holds
    ]
    assert longest == [], "all are rolled back"


def test_the_number_of_the_run_makes_an_ejection_longer():
    machine = Machine(
        playbook("book", step("out", Eject(for_s=120.0, for_s_max=300.0)), cooldown_s=0.0, max_attempts=9)
    )
    machine.world.ill = True
    machine.minutes(30)
    lengths = [note.detail for run in machine.runs for note in run.notes if note.what == "done out"]
    assert lengths[:3] == ["in force for 120 s", "in force for 240 s", "in force for 300 s"]
    assert set(lengths[3:]) == {"in force for 300 s"}
    assert [run.number for run in machine.runs] == list(range(1, len(machine.runs) + 1))


def test_escalation_tells_once_and_runs_another_playbook_once():
    never = replace(VERIFY, success=(when("peer_ok_rate > 2"),))
    last = playbook("last", step("note", Note(text="so be it")), triggers=(ManualTrigger(),), priority=99)
    first = playbook(
        "first",
        verify=never,
        timeout_s=120.0,
        escalation=(
            Escalation(after_runs=1, text="{{playbook}} {{scope}} {{cause}} does not help"),
            Escalation(after_runs=2, run="last"),
            Escalation(after_s=1e9, text="never"),
        ),
    )
    machine = ill(first, last)
    machine.minutes(25)
    assert machine.told() == ["{{playbook}} channel:a overloaded_or_capacity does not help"]
    assert sum(1 for run in machine.runs if run.playbook == "last") == 1
    assert next(run for run in machine.runs if run.playbook == "last").trigger == "first did not help"


def test_recurrence_is_told():
    machine = ill(playbook(recurring_from=1, cooldown_s=60.0))
    machine.minutes(4)
    machine.world.ill = False
    machine.minutes(5)
    assert machine.told() == []
    machine.world.rollups.clear()
    machine.world.step(2)
    again = incident(machine.world.at, id="inc-2")
    for _ in range(2):
        machine.world.rollups.append(minute(machine.world.at - 60.0, A, ok=0.1))
        machine.look(incidents=(again,))
        machine.world.step()
    assert machine.told() == ["book on channel:a for the 2. time in 7 days"]


# Stages, modes, people ---------------------------------------------------------------------------------------------


def test_a_stage_that_only_observes_proposes_and_does_nothing():
    machine = Machine(playbook("book", hook("call"), OUT))
    machine.world.ill = True
    machine.minutes(1, stage=Autopilot.OBSERVE)
    assert machine.now() is RunState.REHEARSED
    assert machine.asked == []
    assert machine.held() == {}
    assert [hold.value for _, hold in machine.state.shadows(machine.world.at)] == [0.0]


def test_a_stage_that_suggests_waits_for_a_yes():
    machine = Machine(playbook("book", hook("call"), OUT))
    machine.world.ill = True
    machine.minutes(1, stage=Autopilot.SUGGEST)
    assert machine.now() is RunState.WAITING
    assert [hold.value for _, hold in machine.state.shadows(machine.world.at)] == [0.0]
    machine.take(Approved(machine.run.id, "ann"))
    assert (machine.run.state, machine.run.actor) == (RunState.VERIFYING, "ann")
    assert machine.held() == {("a", "share"): 0.0}
    machine.minutes(3, stage=Autopilot.SUGGEST)
    assert machine.now() is RunState.VERIFIED, "a yes holds, whatever the stage"


def test_a_mode_that_asks_waits_holds_nothing_and_ends():
    machine = Machine(playbook(mode=RunMode.APPROVE, approve_within_s=300.0))
    machine.world.ill = True
    machine.minutes(1)
    assert (machine.run.state, machine.held()) == (RunState.WAITING, {})
    machine.minutes(5)
    assert (machine.runs[0].state, machine.runs[0].why) == (RunState.REJECTED, "nobody said yes in time")


def test_no_is_no():
    machine = Machine(playbook(mode=RunMode.APPROVE))
    machine.world.ill = True
    machine.minutes(1)
    name = machine.run.id
    machine.take(Rejected(name, "bob", "not today"))
    assert (machine.run.state, machine.run.why) == (RunState.REJECTED, "not today")
    before = machine.state
    machine.take(Approved(name, "ann"))
    machine.take(Rejected(name, "bob"))
    assert machine.state == before
    assert machine.run.notes[-1].actor == "bob"


def test_trouble_that_is_over_takes_its_question_and_its_bounds_along():
    machine = Machine(playbook(mode=RunMode.APPROVE))
    machine.world.ill = True
    machine.minutes(1)
    machine.world.ill = False
    machine.minutes(1)
    assert (machine.run.state, machine.run.why) == (RunState.REJECTED, "the trouble is over")
    machine = ill(playbook())
    machine.world.ill = False
    machine.minutes(1)
    assert (machine.run.state, machine.held()) == (RunState.VERIFIED, {})


def test_a_dry_run_says_what_it_would_do():
    machine = ill(playbook("book", hook("call"), OUT, mode=RunMode.DRY_RUN))
    assert machine.now() is RunState.REHEARSED
    assert (machine.asked, machine.held()) == ([], {})
    assert machine.run.step("call").said == "it would be done here"
    assert machine.run.holds
    assert machine.state.shadows(machine.world.at) == ()


def test_a_person_begins_one_and_has_it_undone():
    machine = Machine(playbook("book", hook("call"), OUT, triggers=(ManualTrigger(),), mode=RunMode.APPROVE))
    machine.minutes(2, stage=Autopilot.OBSERVE)
    assert machine.runs == []
    machine.take(Begun("book", "channel:a", (A,), "ann", why="a drill"))
    assert (machine.run.state, machine.run.actor) == (RunState.VERIFYING, "ann")
    machine.minutes(1, stage=Autopilot.OBSERVE)
    assert machine.held() == {("a", "share"): 0.0}
    machine.take(Stopped(machine.run.id, "ann", "enough"))
    assert (machine.run.state, machine.run.why, machine.held()) == (RunState.ROLLED_BACK, "enough", {})


def test_what_is_over_and_still_holds_can_be_lifted():
    machine = ill(playbook())
    machine.minutes(3)
    assert machine.now() is RunState.VERIFIED
    machine.take(Stopped(machine.run.id, "ann"))
    assert (machine.run.state, machine.held()) == (RunState.VERIFIED, {})


def test_the_kill_switch_undoes_everything_and_lets_nothing_begin():
    machine = ill(playbook("book", hook("call"), OUT))
    machine.minutes(1, is_halted=True)
    assert (machine.run.state, machine.run.why) == (RunState.ROLLED_BACK, "the kill switch is on")
    machine.minutes(20, is_halted=True)
    machine.take(Begun("book", "channel:a", (A,), "ann"))
    assert len(machine.runs) == 1


def test_a_stage_that_is_lowered_leaves_nothing_behind():
    machine = ill(playbook("book", hook("call"), OUT))
    machine.minutes(1, stage=Autopilot.OBSERVE)
    assert machine.runs[0].state is RunState.ROLLED_BACK
    machine = ill(playbook())
    machine.minutes(3)
    machine.minutes(1, stage=Autopilot.OBSERVE)
    assert (machine.runs[0].state, machine.held()) == (RunState.VERIFIED, {})


# What cannot be undone, and what was asked before a crash -----------------------------------------------------------


def test_what_cannot_be_undone_is_tried_again_and_then_left_to_a_person():
    machine = ill(playbook("book", hook("call"), OUT, max_attempts=1))
    machine.answers["call/undo"] = False
    machine.world.peers = 0.2
    machine.minutes(3)
    assert machine.now() is RunState.ROLLING_BACK
    machine.minutes(3)
    assert machine.now() is RunState.ROLLED_BACK
    assert machine.run.step("call").state is StepState.STUCK
    assert machine.told() == ["book on channel:a was rolled back, but not call: somebody has to look"]
    assert sum(1 for one in machine.asked if isinstance(one, Undo)) == 3
    assert ended_once(machine.run.notes)


@pytest.mark.parametrize("may_repeat", [True, False])
def test_after_a_restart_what_was_asked_is_asked_again_or_given_up(may_repeat: bool):
    machine = Machine(playbook("book", hook("call"), OUT))
    machine.answers["call"] = None
    machine.world.ill = True
    machine.minutes(1)
    machine.answers["call"] = True
    machine.state, machine.asked = EngineState(runs=machine.state.runs), []
    machine.take(Resumed(frozenset({(machine.run.id, "call")}) if may_repeat else frozenset()))
    if may_repeat:
        assert [type(one) for one in machine.asked] == [Do]
    machine.minutes(1)
    if may_repeat:
        assert machine.now() is RunState.VERIFYING
    else:
        assert machine.runs[0].state is RunState.ROLLED_BACK
        assert "nobody knows whether it was" in machine.runs[0].why
        assert any(isinstance(one, Undo) for one in machine.asked), "it may have been done: it is undone"


def test_a_playbook_that_has_gone_or_changed_is_rolled_back():
    for other in (playbook("other"), playbook("book", hook("else"))):
        machine = Machine(playbook("book", hook("call"), OUT))
        machine.answers["call"] = None
        machine.world.ill = True
        machine.minutes(1)
        machine.book = Book.of([other])
        machine.minutes(1)
        run = next(run for run in machine.runs if run.playbook == "book")
        assert run.state is RunState.ROLLED_BACK


# Triggers -----------------------------------------------------------------------------------------------------------


def test_an_anomaly_begins_it():
    trigger = AnomalyTrigger(metric=Metric.FIRST_CHUNK_P95, score=2.0, hold_s=120.0)
    machine = Machine(playbook(triggers=(trigger,)))
    machine.minutes(3)
    odd = Anomaly(
        channel=A, metric=Metric.FIRST_CHUNK_P95, at=machine.world.at, value=5.0, expected=1.0, score=3.0,
        threshold=2.0, detector="d", since_at=machine.world.at - 120.0,
    )  # fmt: skip
    machine.look(anomalies=(odd,))
    assert machine.runs == [], "not strange enough"
    machine.look(anomalies=(replace(odd, score=4.0, since_at=machine.world.at),))
    assert machine.runs == [], "not for long enough"
    machine.world.step()
    machine.look(anomalies=(replace(odd, score=4.0),))
    assert (machine.run.scope, machine.run.channels) == ("channel:a", (A,))


def test_a_forecast_begins_it_only_with_a_vote_and_sure_enough():
    trigger = ForecastTrigger(metric=Metric.LATENCY_P95, horizon_s=900.0, probability=0.8)
    machine = Machine(playbook(triggers=(trigger,)))
    machine.minutes(2)

    def ahead(mean: float) -> dict[Any, Forecast]:
        path: dict[str, Any] = {
            "mean": (mean,) * 15,
            "lower": (mean - 0.2,) * 15,
            "upper": (mean + 0.2,) * 15,
        }
        return {
            (A, Metric.LATENCY_P95): Forecast(
                channel=A, metric=Metric.LATENCY_P95, origin_at=machine.world.at, step_s=60.0, coverage=0.8, model="m", **path
            )
        }  # fmt: skip

    voted = ForecastSkill(
        channel=A, metric=Metric.LATENCY_P95, horizon_s=900.0, model="m", outcomes=50,
        mean_absolute_error=0.5, naive_mean_absolute_error=1.0, has_vote=True,
    )  # fmt: skip
    limits = {A: (Metric.LATENCY_P95, 1.0)}
    for forecasts, skills in (
        (ahead(2.0), ()),
        (ahead(1.05), (voted,)),
        (ahead(2.0), (replace(voted, has_vote=False),)),
    ):
        machine.look(forecasts=forecasts, skills=skills, objectives=limits)
        assert machine.runs == []
        machine.world.step()
    machine.look(forecasts=ahead(2.0), skills=(voted,), objectives=limits)
    assert "above 1 within 15 min: 100% sure" in machine.run.trigger


def test_a_threshold_must_last_and_acts_on_its_whole_scope():
    trigger = ThresholdTrigger(
        condition=when("failing_share >= 0.6 and scope_channels >= 2"), scope=ScopeKind.REGION, hold_s=60.0
    )
    machine = Machine(playbook(triggers=(trigger,)))
    channels = (*CHANNELS, channel("c", "other"))
    for bad in (True, False, True, True):
        at = machine.world.at
        machine.world.rollups = [minute(at, name, ok=0.1 if bad else 1.0) for name in (A, B)]
        machine.world.at += MINUTE
        assert machine.runs == []
        machine.look(channels=channels)
    assert (machine.run.scope, machine.run.channels) == ("region:c/r", (A, B))


def test_a_schedule_comes_when_its_time_comes_and_is_not_made_up_for():
    at_two = ScheduleTrigger(at_s=120.0, days=frozenset({0}))
    machine = Machine(playbook("book", step("note", Note(text="x")), triggers=(at_two,), cooldown_s=0.0))
    machine.minutes(5)
    assert [run.started_at - START_AT for run in machine.runs] == [120.0]
    fine = Verify(success=(when("ok_rate >= 0.5"),))
    every = (ScheduleTrigger(every_s=600.0),)
    hourly = playbook("book", step("note", Note(text="x")), triggers=every, cooldown_s=0.0, verify=fine)
    machine = Machine(hourly)
    machine.minutes(25)
    assert [run.started_at - START_AT for run in machine.runs] == [600.0, 1200.0]


def test_requests_that_do_not_fit_begin_it_without_an_incident():
    trigger = FailureTrigger(classes=frozenset({FailureClass.CONTEXT_LENGTH_EXCEEDED}), count=3)
    machine = Machine(playbook("book", step("note", Note(text="x")), triggers=(trigger,)))
    machine.minutes(1)
    machine.world.rollups.append(
        minute(
            machine.world.at - 60.0, A, attempts=5, ok=0.0, failures={FailureClass.CONTEXT_LENGTH_EXCEEDED: 5}
        )
    )
    machine.look()
    assert (machine.run.scope, machine.run.incident) == ("channel:a", None)


def test_a_diagnosis_that_is_not_sure_enough_begins_nothing():
    sure = FailureTrigger(classes=frozenset({FailureClass.OVERLOADED}), probability=0.95)
    assert ill(playbook(triggers=(sure,))).runs == []


def test_restore_lifts_what_earlier_runs_hold_and_ramps():
    first = playbook(
        "first",
        step("half", LimitShare(factor=0.5, for_s=3600.0)),
        step("few", SetConcurrency(factor=0.5, for_s=3600.0)),
    )
    back = playbook(
        "back", step("back", Restore(ramp=(0.25, 1.0), over_s=120.0)), triggers=(ManualTrigger(),), priority=1
    )
    machine = ill(first, back)
    machine.minutes(4)
    assert machine.held() == {("a", "share"): 0.5, ("a", "concurrency"): 0.5}
    machine.take(Begun("back", "channel:a", (A,), "ann"))
    assert machine.held() == {("a", "share"): 0.25, ("a", "concurrency"): 0.5}
    machine.world.at += 121.0
    assert machine.held() == {("a", HoldKind.CONCURRENCY.value): 0.5}


def test_no_more_at_a_time_and_in_an_hour_than_the_rules_allow():
    both = tuple(
        playbook(
            f"p{n}", triggers=(ManualTrigger(), ThresholdTrigger(condition=when("requests > 0"))), priority=n
        )
        for n in (1, 2)
    )
    machine = Machine(*both, rules=Rules(parallel_max=1))
    machine.minutes(1)
    assert len(machine.runs) == 1
    machine = Machine(*both, rules=Rules(starts_per_hour_max=1))
    machine.minutes(10)
    assert len(machine.runs) == 1


def test_verify_needs_every_success_condition():
    both = Verify(success=(when("peer_ok_rate >= 0.95"), when("peer_p95 < 1")))
    machine = ill(playbook(verify=both))
    machine.world.peer_slow_s = 2.0
    machine.minutes(4)
    assert machine.now() is RunState.VERIFYING
    assert "peer_p95 < 1: no (peer_p95 2)" in machine.run.verification

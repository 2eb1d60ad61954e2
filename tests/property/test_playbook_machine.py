"""Runs of playbooks under crashes at any point: nothing is done that was not written down, nothing twice, and every run
ends once.
"""

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.playbook_house import OUT, START_AT, A, World, hook, playbook, when

from foreroute.core.decision import Autopilot
from foreroute.core.playbook_ports import Answer
from foreroute.core.playbook_run import PlaybookRun, RunMode, RunName, RunState, StepState
from foreroute.heal.playbooks.engine import advance
from foreroute.heal.playbooks.playbook import ManualTrigger, OnError, Verify
from foreroute.heal.playbooks.state import (
    Answered,
    Approved,
    Begun,
    Book,
    Command,
    EngineState,
    Event,
    Looked,
    Rejected,
    Resumed,
    Stopped,
    Tell,
    Undo,
)

VERIFY = Verify(
    success=(when("peer_ok_rate >= 0.95"),), failure=(when("peer_ok_rate < 0.5"),), failure_limit=1
)
BOOK = Book.of(
    [
        playbook("low", hook("one"), OUT, hook("two", on_error=OnError.CONTINUE), priority=10, verify=VERIFY, max_attempts=99),
        playbook(
            "high", hook("three"), hook("four"), priority=90, verify=VERIFY, conditions=(when("peer_p95 > 1"),), max_attempts=99
        ),
        playbook("asks", hook("five"), triggers=(ManualTrigger(),), mode=RunMode.APPROVE, priority=50, verify=VERIFY),
    ]
)  # fmt: skip
REPEATABLE = {"one", "two", "three", "five"}
"""`four` may not be done again where nobody knows whether it was."""


class Playbooks(RuleBasedStateMachine):
    """`journal` is all that a crash leaves. A command is either still to be carried out, or its effect is there and its
    answer is on its way.
    """

    @initialize()
    def begin(self) -> None:
        self.journal: dict[RunName, PlaybookRun] = {}
        self.state = EngineState()
        self.world = World(ill=True)
        self.world.step(2)
        self.to_do: list[Command] = []
        self.on_its_way: list[Answered] = []
        self.done: Counter[str] = Counter()
        """Effects outside, by key."""
        self.tries: Counter[str] = Counter()
        self.ends: Counter[RunName] = Counter()
        self.stage = Autopilot.ACT
        self.halted = False

    def take(self, event: Event) -> None:
        after, commands = advance(self.state, event, self.world.at, BOOK)
        for name, run in after.runs.items():
            before = self.state.runs.get(name)
            if before == run:
                continue
            assert run.revision == (0 if before is None else before.revision) + 1
            if run.is_over and (before is None or not before.is_over):
                self.ends[name] += 1
            self.journal[name] = run
        self.state = after
        self.to_do += commands

    @rule(minutes=st.integers(1, 4))
    def minutes_pass(self, minutes: int) -> None:
        for _ in range(minutes):
            self.world.step()
            self.take(Looked(self.world.sight(stage=self.stage, is_halted=self.halted)))

    @rule(peers=st.sampled_from([0.0, 0.7, 1.0]), slow_s=st.sampled_from([0.5, 3.0]), ill=st.booleans())
    def the_world_changes(self, peers: float, slow_s: float, ill: bool) -> None:
        self.world.peers, self.world.peer_slow_s, self.world.ill = peers, slow_s, ill

    @rule(stage=st.sampled_from(Autopilot), halted=st.booleans())
    def the_operator_changes_the_stage(self, stage: Autopilot, halted: bool) -> None:
        self.stage, self.halted = stage, halted

    @rule()
    def the_operator_acts(self) -> None:
        self.stage, self.halted = Autopilot.ACT, False

    @rule(name=st.sampled_from(sorted(BOOK.playbooks)), dry=st.booleans())
    def a_person_begins(self, name: str, dry: bool) -> None:
        self.take(Begun(name, "channel:a", (A,), "ann", dry_run=dry))

    @precondition(lambda self: self.state.runs)
    @rule(data=st.data(), said=st.sampled_from([Approved, Rejected, Stopped]))
    def a_person_answers(self, data: st.DataObject, said: type[Approved | Rejected | Stopped]) -> None:
        name = data.draw(st.sampled_from(sorted(self.state.runs)))
        self.take(said(name, "ann"))

    @precondition(lambda self: self.to_do)
    @rule(ok=st.booleans(), lost=st.booleans())
    def what_was_asked_is_done(self, ok: bool, lost: bool) -> None:
        """The answer may not come back at all."""
        command = self.to_do.pop(0)
        if isinstance(command, Tell):
            return
        run = self.journal[command.run]
        step = run.step(command.step)
        undo = isinstance(command, Undo)
        assert step.state is not StepState.PENDING, "it was written down before"
        key = step.key + ("/undo" if undo else "")
        self.tries[key] += 1
        if ok:
            self.done[key] = 1  # whoever knows keys has the effect once
        if not lost:
            answer = Answer(ok=ok, said="done" if ok else "refused")
            self.on_its_way.append(Answered(command.run, command.step, answer, undo=undo))

    @precondition(lambda self: self.on_its_way)
    @rule()
    def an_answer_arrives(self) -> None:
        self.take(self.on_its_way.pop(0))

    @rule()
    def it_crashes(self) -> None:
        """What was to be done, what was on its way and what was in memory is gone."""
        self.to_do, self.on_its_way = [], []
        self.state = EngineState(runs=dict(self.journal))
        asked = [
            (run.id, step.id)
            for run in self.journal.values()
            for step in run.steps
            if step.state is StepState.ASKED and step.id in REPEATABLE
        ]
        self.take(Resumed(frozenset(asked)))

    @invariant()
    def one_run_at_a_time_on_a_channel(self) -> None:
        active = [
            run for run in self.state.runs.values() if not run.is_over and run.state is not RunState.WAITING
        ]
        channels = Counter(channel for run in active for channel in run.channels)
        assert all(count == 1 for count in channels.values())

    @invariant()
    def a_run_ends_once(self) -> None:
        assert all(count == 1 for count in self.ends.values())
        for run in self.journal.values():
            ends = sum(
                1 for note in run.notes if note.what in ("verified", "rolled back", "rejected", "rehearsed")
            )
            assert ends == run.is_over

    @invariant()
    def what_may_not_be_repeated_is_not(self) -> None:
        assert all(count == 1 for key, count in self.tries.items() if key.endswith("/four"))

    @invariant()
    def nothing_is_done_for_a_rehearsal_or_a_no(self) -> None:
        idle = {
            run.id for run in self.journal.values() if run.state in (RunState.REHEARSED, RunState.REJECTED)
        }
        assert not [key for key in self.tries if key.partition("/")[0] in idle]

    @invariant()
    def what_was_rolled_back_is_undone(self) -> None:
        for run in self.journal.values():
            for step in run.steps:
                stuck = step.state is StepState.STUCK
                if run.state is RunState.ROLLED_BACK and self.done[step.key] and not stuck:
                    assert self.done[f"{step.key}/undo"], f"{step.key} is done still"

    def teardown(self) -> None:
        """Left alone on a quiet day, everything comes to its end."""
        if not hasattr(self, "world"):
            return
        self.it_crashes()
        self.world.ill, self.world.peers, self.halted = False, 1.0, False
        self.world.rollups.clear()
        for _ in range(120):
            self.world.step()
            self.take(Looked(self.world.sight(stage=Autopilot.ACT)))
            while self.to_do or self.on_its_way:
                if self.to_do:
                    self.what_was_asked_is_done(ok=True, lost=False)
                if self.on_its_way:
                    self.an_answer_arrives()
        assert all(run.is_over for run in self.state.runs.values())
        self.a_run_ends_once()
        self.what_was_rolled_back_is_undone()
        assert self.state.holds(self.world.at + 86_400.0) == ()
        assert self.world.at > START_AT


Playbooks.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPlaybooks = Playbooks.TestCase

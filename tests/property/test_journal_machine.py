"""The journal of attempts under processes that come, go and are killed: nothing is lost, and twice is once."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.monitor.journal import Journal
from foreroute.monitor.journal_reader import JournalReader


def attempt(number: int) -> Attempt:
    return Attempt(
        request_id=RequestId(f"req-{number}"),
        number=1,
        route=RouteName("chat"),
        channel=ChannelId("a"),
        started_at=float(number),
        duration_s=1.0,
        outcome=Outcome.SUCCESS,
        reason=next(iter(PickReason)),
        plan_version=1,
    )


class JournalMachine(RuleBasedStateMachine):
    writers = Bundle("writers")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="journal-"))
        self.alive: dict[str, Journal] = {}
        self.recorded: set[str] = set()
        self.stored: set[str] = set()
        self.started = 0
        self.reader = JournalReader(self.folder, own="control")
        self.polled: set[str] | None = None

    def teardown(self) -> None:
        for journal in self.alive.values():
            journal.close()
        self.alive.clear()
        self.polled = None
        self.reader_starts_anew()
        self.poll()
        self.store()
        assert self.stored == self.recorded
        shutil.rmtree(self.folder)

    @rule(target=writers)
    def start(self) -> str:
        self.started += 1
        name = f"worker-{self.started}"
        self.alive[name] = Journal(self.folder, name, bytes_max=600)
        return name

    @rule(writer=writers, count=st.integers(1, 4))
    def record(self, writer: str, count: int) -> None:
        if (journal := self.alive.get(writer)) is not None:
            for _ in range(count):
                one = attempt(len(self.recorded))
                journal.record(one)
                self.recorded.add(one.request_id)

    @rule(writer=writers)
    def roll(self, writer: str) -> None:
        if (journal := self.alive.get(writer)) is not None:
            journal.roll()

    @rule(writer=writers)
    def end(self, writer: str) -> None:
        if (journal := self.alive.pop(writer, None)) is not None:
            journal.close()

    @rule(writer=writers, torn=st.booleans())
    def kill(self, writer: str, torn: bool) -> None:
        """The lock goes with the process; a line may have been cut short by it."""
        if (journal := self.alive.pop(writer, None)) is not None:
            if torn:
                os.write(journal._file, b'{"request_id":"never-')
            os.close(journal._file)

    @rule()
    def poll(self) -> None:
        found = {str(one.request_id) for one in self.reader.poll()}
        self.polled = found | (self.polled or set())

    @rule()
    def store(self) -> None:
        if self.polled is not None:
            self.reader.mark()
            self.stored |= self.polled
            self.polled = None
            self.reader.saved()

    @rule()
    def the_store_fails(self) -> None:
        """What was polled stays with the loop, which offers it again; nothing is deleted meanwhile."""
        if self.polled is not None:
            self.reader.mark()

    @rule()
    def reader_starts_anew(self) -> None:
        """Killed after it has read, before or after it has stored: it reads again what is there."""
        self.polled = None
        self.reader = JournalReader(self.folder, own="control")

    @invariant()
    def nothing_is_made_up(self) -> None:
        assert self.stored <= self.recorded


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)

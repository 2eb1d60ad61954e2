"""What came of one fault, as its users and the books saw it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from foreroute.chaos.answer import Answer, Verdict
from foreroute.chaos.fault import Fault
from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Record


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `at`: seconds since the gateway started."""

    at: float
    answer: Answer
    verdict: Verdict

    @property
    def ended_at(self) -> float:
        return self.at + self.answer.seconds


@dataclass(slots=True, kw_only=True)
class Seen:
    """Instants are seconds since the gateway started; so is `Attempt.started_at` here."""

    fault: Fault
    faulty: tuple[ChannelId, ...]
    began_at: float = 0.0
    ended_at: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    attempts: Sequence[Attempt] = ()
    """What the books say, in the order of their start."""
    notes: dict[str, float] = field(default_factory=dict)
    """What a play has measured itself."""
    acts: Sequence[Record] = ()
    """What the control loop has written down of its own acts: audit and tuned limits. Instants are the clock's."""
    unrecorded: int = 0
    """Attempts that the gateway made and the books do not know."""

    def during(self) -> list[Asked]:
        return [one for one in self.asked if self.began_at <= one.at < self.ended_at]

    def after(self) -> list[Asked]:
        return [one for one in self.asked if one.at >= self.ended_at]

    def on_faulty(self, attempts: Iterable[Attempt] | None = None) -> list[Attempt]:
        """Users' attempts on the faulty channels during the fault."""
        return [
            one
            for one in (self.attempts if attempts is None else attempts)
            if one.channel in self.faulty
            and one.reason is not PickReason.PROBE
            and self.began_at <= one.started_at < self.ended_at
        ]

    def failures(self) -> list[Attempt]:
        """Those of the faulty channels that failed during the fault, probes among them."""
        return [
            one
            for one in self.attempts
            if one.channel in self.faulty
            and one.failure_class is not None
            and self.began_at <= one.started_at < self.ended_at
        ]

    def back_s(self) -> float | None:
        """From the fault's end until every faulty channel has served a user again; None: one has not."""
        waits = []
        for channel in self.faulty:
            ends = [
                one.started_at + one.duration_s
                for one in self.attempts
                if one.channel == channel
                and one.started_at >= self.ended_at
                and one.outcome is Outcome.SUCCESS
                and one.reason is not PickReason.PROBE
            ]
            if not ends:
                return None
            waits.append(min(ends) - self.ended_at)
        return max(waits, default=0.0)

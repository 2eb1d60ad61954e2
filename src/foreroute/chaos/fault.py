"""What one fault of the catalogue is, and what has to come of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from foreroute.chaos.acts import Act, sound
from foreroute.chaos.answer import Answer, Verdict
from foreroute.chaos.door import Certificate, Door
from foreroute.chaos.names import NameTrouble
from foreroute.chaos.refusals import RETRY_AFTER_S
from foreroute.core.failure import FailureClass

if TYPE_CHECKING:
    from foreroute.chaos.house import House
    from foreroute.chaos.seen import Seen

PATIENCE_S: Final = 70.0
"""How long the client waits for the end of an answer: more than the gateway's own deadline."""


class Kind(StrEnum):
    """What a gateway can do about a fault: the rule by which its answers are judged."""

    SERVABLE = "servable"
    """Another channel could serve, and nothing has reached the client yet."""
    BROKEN = "broken"
    """Content has reached the client when the channel fails."""
    LIMITED = "limited"
    """Every channel asks for a pause."""
    DOWN = "down"
    """Every channel fails."""


def is_right(kind: Kind, answer: Answer, verdict: Verdict) -> bool:
    """Whether an answer is as good as it can be under this fault; slowness apart."""
    match kind:
        case Kind.SERVABLE:
            return verdict is Verdict.COMPLETE
        case Kind.BROKEN:
            return verdict is Verdict.COMPLETE or (verdict is Verdict.TOLD and answer.status == 200)
        case Kind.LIMITED:
            return verdict is Verdict.TOLD and answer.status == 429 and _is_sane(answer.retry_after)
        case Kind.DOWN:
            return verdict is Verdict.TOLD and answer.status >= 500


def _is_sane(retry_after: str | None) -> bool:
    try:
        return 1.0 <= float(retry_after or "") <= RETRY_AFTER_S
    except ValueError:
        return False


Check: TypeAlias = "Callable[[Seen], list[str]]"
"""What else has to hold; returns what does not, in words."""
Play: TypeAlias = "Callable[[House, Fault], Awaitable[None]]"
"""How the fault comes and goes, where it does more than come and go."""
Configured: TypeAlias = "Callable[[Path], Mapping[str, Any]]"
"""Sections of the configuration that the fault needs besides; files of theirs go into the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a fault is played: sound traffic, the fault, sound traffic again. Seconds."""

    channels: int = 2
    faulty: int = 1
    """The first so many have the fault."""
    pace_s: float = 0.5
    """Between the starts of two requests."""
    warm_s: float = 20.0
    """0: the fault is there from the first request on."""
    fault_s: float = 100.0
    after_s: float = 75.0
    """At most: it ends when every faulty channel has been back for a while."""
    connect_s: float = 3.0
    """How long the gateway waits for a connection."""
    secure: bool = False
    """The faulty channels speak TLS."""
    named: bool = False
    """The faulty channels are found by name."""
    control: bool = False
    """With the control loop, its store and its playbooks."""
    processes: bool = False
    """With channels in processes of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Beside the rule that holds for all (`judge.py`)."""

    classes: frozenset[FailureClass] = frozenset()
    """What the attempts on the faulty channels may be recorded as; at least one must be. Empty: none may fail."""
    within_s: float = 2.0
    """The longest that a caller may wait during the fault."""
    bad_max: int = 0
    """So many answers may be worse than they could be."""
    asked_max: int | None = None
    """So many requests of users may reach the faulty channels during the fault."""
    back_s: float = 60.0
    """A faulty channel serves users again so soon after the fault has ended."""
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row. Of two channels the first has the fault and the second is sound, if not said otherwise.

    `act`, `door`, `certificate` and `names` are what is wrong with the faulty ones; `play` is for what a state does not
    say.
    """

    id: str
    what: str
    kind: Kind = Kind.SERVABLE
    stream: bool = False
    """Whether the client asks for a stream."""
    act: Act = sound
    fresh_act: Callable[[], Act] | None = None
    """Makes an `act` that remembers."""
    door: Door = Door.OPEN
    certificate: Certificate = Certificate.GOOD
    names: NameTrouble = NameTrouble.NONE
    course: Course = field(default_factory=Course)
    expected: Expected = field(default_factory=Expected)
    play: "Play | None" = None
    configured: "Configured | None" = None
    group: str = ""

    compared: bool = False
    """Whether the benchmark of the peers has it too: it needs nothing but two channels and their answers."""
    requests: int = 20
    """There, one after the other."""
    everywhere: bool = False
    """All channels have it."""
    healthy: bool = False
    """None has it all the time."""
    is_slow: bool = False
    """Whether a gateway may have to wait for seconds; in the benchmark such faults run beside the others."""

    @property
    def faulty(self) -> int:
        if self.healthy:
            return 0
        return self.course.channels if self.everywhere else self.course.faulty

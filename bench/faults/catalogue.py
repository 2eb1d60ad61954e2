"""The faults: what the upstream does, what is asked of a gateway, and how its answers are graded."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a gateway can do about a fault: the rule by which its answers are graded (`grade.py`)."""

    SERVABLE = "servable"
    """Another channel could serve, and nothing has reached the client yet."""
    BROKEN = "broken"
    """Content has reached the client when the channel fails."""
    LIMITED = "limited"
    """Every channel asks for a pause."""
    DOWN = "down"
    """Every channel fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row. Of two channels the first has the fault and the second is sound, if not said otherwise."""

    id: str
    what: str
    kind: Kind = Kind.SERVABLE
    stream: bool = False
    """Whether the client asks for a stream."""
    requests: int = 20
    """One after the other."""
    everywhere: bool = False
    """Both channels have it."""
    healthy: bool = False
    """Neither has it all the time."""
    is_slow: bool = False
    """Whether a gateway may have to wait for seconds; such faults run beside the others."""


RETRY_AFTER_S: Final = 7
PATIENCE_S: Final = 20.0
"""How long the client waits for the end of an answer."""
SILENCE_S: Final = 12.0

FAULTS: Final = (
    Fault(id="ok", what="no fault, plain", healthy=True),
    Fault(id="ok_stream", what="no fault, streamed", healthy=True, stream=True),
    Fault(id="503_once", what="the first attempt of all gets a 503", healthy=True, requests=3),
    Fault(id="permanent_503", what="one channel answers 503"),
    Fault(id="429_retry_after", what="one channel answers 429, Retry-After 30"),
    Fault(id="401_one_key", what="one channel's key is refused (401)"),
    Fault(id="402_quota", what="one channel's quota is used up (402)"),
    Fault(id="403_region", what="one channel does not serve this region (403)"),
    Fault(id="connection_reset", what="one channel resets the connection"),
    Fault(id="body_cut_short", what="one channel ends in the middle of the JSON"),
    Fault(id="hollow_200", what="one channel answers HTML with status 200"),
    Fault(id="empty_choices_200", what="one channel answers 200 without any choice"),
    Fault(id="bad_gzip", what="one channel answers 200 in gzip that is none"),
    Fault(
        id="slow_headers",
        what="one channel sends a byte of the headers a second",
        requests=6,
        is_slow=True,
    ),
    Fault(
        id="stall_12s",
        what="one channel is silent for 12 s before the first byte of a stream",
        stream=True,
        requests=6,
        is_slow=True,
    ),
    Fault(id="stream_cut_early", what="one channel cuts streams before any content", stream=True),
    Fault(id="error_event_first", what="one channel streams an error as the first event", stream=True),
    Fault(
        id="stream_cut_midway",
        what="one channel cuts streams after five words",
        kind=Kind.BROKEN,
        stream=True,
    ),
    Fault(
        id="stream_without_finish_reason",
        what="one channel ends streams after five words, politely, without finish_reason and [DONE]",
        kind=Kind.BROKEN,
        stream=True,
    ),
    Fault(
        id="malformed_event",
        what="one channel sends broken JSON as the sixth event",
        kind=Kind.BROKEN,
        stream=True,
    ),
    Fault(
        id="error_event_in_stream",
        what="one channel streams an error after five words",
        kind=Kind.BROKEN,
        stream=True,
    ),
    Fault(
        id="stall_midway",
        what="one channel falls silent for good after five words",
        kind=Kind.BROKEN,
        stream=True,
        requests=6,
        is_slow=True,
    ),
    Fault(
        id="all_429",
        what=f"both channels answer 429, Retry-After {RETRY_AFTER_S}",
        kind=Kind.LIMITED,
        requests=5,
        everywhere=True,
    ),
    Fault(
        id="all_503",
        what="both channels answer 503",
        kind=Kind.DOWN,
        requests=5,
        everywhere=True,
    ),
)

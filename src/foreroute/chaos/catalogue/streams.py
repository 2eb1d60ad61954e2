"""Streams that fail before their first words, or after them."""

from typing import Final

from foreroute.chaos import acts
from foreroute.chaos.fault import Expected, Fault, Kind
from foreroute.core.failure import FailureClass as F

_CUT: Final = frozenset({F.STREAM_INTERRUPTED})
_HOLLOW: Final = frozenset({F.MALFORMED_RESPONSE})
_OVERLOADED: Final = frozenset({F.OVERLOADED})

STREAMS: Final = (
    Fault(id="stall_12s", what="silence for 12 s before the first byte of a stream", act=acts.stall_first,
          stream=True, expected=Expected(classes=frozenset({F.TIMEOUT_READ}), within_s=5.5, asked_max=10),
          compared=True, requests=6, is_slow=True),
    Fault(id="stream_cut_early", what="streams are cut before any content", act=acts.cut_early, stream=True,
          expected=Expected(classes=_CUT, asked_max=3), compared=True),
    Fault(id="error_event_first", what="an overload as the first event of a stream", act=acts.error_first,
          stream=True, expected=Expected(classes=_OVERLOADED, asked_max=3), compared=True),
    Fault(id="stream_cut_midway", what="streams are cut after five words", act=acts.cut_midway, stream=True,
          kind=Kind.BROKEN, expected=Expected(classes=_CUT, asked_max=5), compared=True),
    Fault(id="stream_without_finish_reason",
          what="streams end after five words, politely, without finish_reason and [DONE]",
          act=acts.without_finish, stream=True, kind=Kind.BROKEN,
          expected=Expected(classes=_CUT | _HOLLOW, asked_max=5), compared=True),
    Fault(id="malformed_event", what="broken JSON as the sixth event", act=acts.malformed, stream=True,
          kind=Kind.BROKEN, expected=Expected(classes=_HOLLOW, asked_max=5), compared=True),
    Fault(id="error_event_in_stream", what="an overload after five words, inside a 200",
          act=acts.error_midway, stream=True, kind=Kind.BROKEN,
          expected=Expected(classes=_OVERLOADED, asked_max=5), compared=True),
    Fault(id="illegal_chunk_midway", what="an illegal chunk head after five words",
          act=acts.illegal_chunk_midway, stream=True, kind=Kind.BROKEN,
          expected=Expected(classes=_HOLLOW | _CUT | {F.TIMEOUT_READ}, within_s=5.5, asked_max=12)),
    Fault(id="stall_midway", what="streams fall silent for good after five words", act=acts.stall_midway,
          stream=True, kind=Kind.BROKEN,
          expected=Expected(classes=frozenset({F.TIMEOUT_READ, F.STREAM_INTERRUPTED}), within_s=5.5,
                            asked_max=12),
          compared=True, requests=6, is_slow=True),
)  # fmt: skip

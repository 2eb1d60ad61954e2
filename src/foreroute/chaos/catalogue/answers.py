"""Status 200, or the beginning of it, and yet no answer."""

from typing import Final

from foreroute.chaos import acts
from foreroute.chaos.fault import Expected, Fault
from foreroute.core.failure import FailureClass as F

_CUT: Final = Expected(classes=frozenset({F.STREAM_INTERRUPTED}), asked_max=3)
_HOLLOW: Final = Expected(classes=frozenset({F.MALFORMED_RESPONSE}), asked_max=3)

ANSWERS: Final = (
    Fault(id="body_cut_short", what="the connection ends in the middle of the JSON", act=acts.body_cut_short,
          expected=_CUT, compared=True),
    Fault(id="chunks_cut_short", what="the connection ends in the middle of a chunked body",
          act=acts.chunks_cut_short, expected=_CUT),
    Fault(id="illegal_chunk", what="a chunk of the body has no legal head", act=acts.illegal_chunk,
          expected=_HOLLOW),
    Fault(id="hollow_200", what="HTML with status 200", act=acts.hollow, expected=_HOLLOW, compared=True),
    Fault(id="truncated_json", what="200 with half of the JSON", act=acts.truncated_json, expected=_HOLLOW),
    Fault(id="empty_body", what="200 with an empty body", act=acts.empty_body, expected=_HOLLOW),
    Fault(id="empty_choices_200", what="200 without any choice", act=acts.empty_choices, expected=_HOLLOW,
          compared=True),
    Fault(id="bad_gzip", what="200 in gzip that is none", act=acts.bad_gzip, expected=_HOLLOW, compared=True),
    Fault(id="bad_utf8", what="200 with bytes that are no UTF-8", act=acts.bad_utf8, expected=_HOLLOW),
    Fault(id="slow_headers", what="a byte of the headers a second", act=acts.slow_headers,
          expected=Expected(within_s=12.5),
          compared=True, requests=6, is_slow=True),
)  # fmt: skip

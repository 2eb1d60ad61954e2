"""Limits of rate: told in every form, or not at all."""

from typing import Final

from foreroute.chaos import refusals
from foreroute.chaos.catalogue.plays import left_alone, limit_used, paused
from foreroute.chaos.fault import Course, Expected, Fault, Kind
from foreroute.chaos.refusals import PAUSE_S, RETRY_AFTER_S
from foreroute.core.failure import FailureClass as F

_EPOCH_AT: Final = 1_772_442_000.0
_TOLD: Final = Expected(
    classes=frozenset({F.RATE_LIMITED}), asked_max=1, back_s=PAUSE_S + 5.0, checks=(left_alone,)
)
_PAUSE: Final = Course(fault_s=20.0)

LIMITS: Final = (
    Fault(id="429_retry_after", what="429, Retry-After 30", act=refusals.limited(PAUSE_S), expected=_TOLD,
          course=_PAUSE, compared=True),
    Fault(id="429_retry_after_date", what="429, Retry-After as a date",
          act=refusals.limited_date(PAUSE_S, _EPOCH_AT), expected=_TOLD, course=_PAUSE),
    Fault(id="429_retry_after_ms", what="429, retry-after-ms", act=refusals.limited_ms(PAUSE_S),
          expected=_TOLD, course=_PAUSE),
    Fault(id="429_in_words", what="429, the wait only in the message", act=refusals.limited_text(PAUSE_S),
          expected=_TOLD, course=_PAUSE),
    Fault(id="429_sliding", what="a limit of one request a second that nothing announces, with twice as much asked",
          fresh_act=refusals.limited_to(1.0, 3), course=Course(pace_s=0.25, fault_s=300.0),
          expected=Expected(classes=frozenset({F.RATE_LIMITED}), checks=(limit_used(1.0),))),
    Fault(id="all_429", what=f"all channels answer 429, Retry-After {RETRY_AFTER_S}",
          act=refusals.limited(RETRY_AFTER_S), kind=Kind.LIMITED, everywhere=True,
          expected=Expected(classes=frozenset({F.RATE_LIMITED}), within_s=5.5, checks=(paused,)),
          compared=True, requests=5),
)  # fmt: skip

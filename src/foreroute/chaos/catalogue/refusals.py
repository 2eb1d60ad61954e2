"""Refusals with a reason: of a key, an account, a region, a model, a request."""

from typing import Final

from foreroute.chaos import refusals
from foreroute.chaos.catalogue.plays import (
    POISON,
    learn_refusal,
    learnt_once,
    poison,
    poison_checked,
    same_error,
)
from foreroute.chaos.fault import Course, Expected, Fault, Kind
from foreroute.core.failure import FailureClass as F

_QUOTA: Final = Expected(classes=frozenset({F.QUOTA_EXHAUSTED}), asked_max=1)
_SERVER: Final = frozenset({F.SERVER_ERROR})
_DENIED: Final = Expected(classes=frozenset({F.PERMISSION_OR_REGION_DENIED}), asked_max=1)
_LEARNING: Final = Course(control=True)

REFUSALS: Final = (
    Fault(id="503_once", what="the first attempt of all gets a 503", healthy=True, requests=3, compared=True),
    Fault(id="permanent_503", what="503, overloaded", act=refusals.overloaded,
          expected=Expected(classes=frozenset({F.OVERLOADED}), asked_max=3), compared=True),
    Fault(id="401_one_key", what="one channel's key is refused (401)", act=refusals.wrong_key,
          expected=Expected(classes=frozenset({F.AUTHENTICATION}), asked_max=1), compared=True),
    Fault(id="402_quota", what="the quota is used up (402)", act=refusals.no_quota, expected=_QUOTA,
          compared=True),
    Fault(id="400_spend_limit", what="a spend limit is reached (400)", act=refusals.spend_limit,
          expected=_QUOTA),
    Fault(id="429_insufficient_quota", what="429 that means the quota, not the rate",
          act=refusals.insufficient_quota, expected=_QUOTA),
    Fault(id="403_region", what="the region is not served (403)", act=refusals.no_region, expected=_DENIED,
          compared=True),
    Fault(id="404_model", what="the model is gone (404)", act=refusals.no_model,
          expected=Expected(classes=frozenset({F.MODEL_NOT_FOUND}), asked_max=1)),
    Fault(id="context_too_long", what="a prompt too long for one channel; the second time nobody fails",
          act=refusals.too_long(20_000), course=_LEARNING, play=learn_refusal("word " * 8000, {}),
          expected=Expected(classes=frozenset({F.CONTEXT_LENGTH_EXCEEDED}), checks=(learnt_once,))),
    Fault(id="unsupported_parameter", what="a parameter that one channel refuses; the second time nobody fails",
          act=refusals.without("logit_bias"), course=_LEARNING,
          play=learn_refusal("hello", {"logit_bias": {"1": 1}}),
          expected=Expected(classes=frozenset({F.UNSUPPORTED_FEATURE}), checks=(learnt_once,))),
    Fault(id="poisonous_request", what="one prompt gets a 500 from every channel: no breaker opens",
          act=refusals.poisoned(POISON), everywhere=True, kind=Kind.SERVABLE, play=poison,
          expected=Expected(classes=_SERVER, bad_max=0, checks=(poison_checked,))),
    Fault(id="all_401", what="the keys of all channels are refused", act=refusals.wrong_key, kind=Kind.DOWN,
          everywhere=True,
          expected=Expected(classes=frozenset({F.AUTHENTICATION}), checks=(same_error,))),
)  # fmt: skip

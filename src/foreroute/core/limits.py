"""What tuning sets on a channel, as it travels with the plan to the gateway."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from foreroute.core.ids import ChannelId

EVERYWHERE: Final = ChannelId("*")
"""In the place of a channel: what the whole gateway has one of, such as its retry budget."""


class Parameter(StrEnum):
    """What can be tuned. Closed and documented; clients may rely on it."""

    CONNECT = "connect"
    """Timeout of a new connection, in seconds."""
    FIRST_CHUNK = "first_chunk"
    """Timeout of a stream's first byte, in seconds, by input tokens."""
    STALL = "stall"
    """Timeout of the silence between two chunks of a stream, in seconds."""
    TOTAL = "total"
    """Timeout of the whole attempt, in seconds, by output tokens."""
    CONCURRENCY = "concurrency"
    """Attempts at a time."""
    ADMISSION = "admission"
    """Attempts that are sent for each that the channel accepts: beyond that, requests go elsewhere."""
    FAILURES_IN_ROW = "failures_in_row"
    """So many open the breaker."""
    OUTLIER_RATIO = "outlier_ratio"
    """A proven failure ratio at which a channel is left out at once, 0…1."""
    RETRY_RATIO = "retry_ratio"
    """Retries for each request of the last minute, 0…1. One for the whole gateway."""


TIMED: Final = (Parameter.CONNECT, Parameter.FIRST_CHUNK, Parameter.STALL, Parameter.TOTAL)
"""The timeouts."""
UNTIMED: Final = frozenset({"/embeddings", "/messages/count_tokens", "/*"})
"""Endpoints that generate no text. What generation takes says nothing of them: they keep the configured timeouts, and
nothing is learnt from how long they take.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One tuned value: `base`, and `per_token` more for each token of a request, up to `most`."""

    base: float
    per_token: float = 0.0
    usual_tokens: float = 0.0
    """What counts where a request does not say how many tokens it is about."""
    most: float = math.inf

    def at(self, tokens: float | None = None) -> float:
        count = self.usual_tokens if tokens is None else tokens
        return min(self.base + self.per_token * count, self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A setting that a part of the requests tries, chosen by a hash of the request's id, before all have it."""

    name: str
    """What attempts that take part are marked with."""
    parameter: Parameter
    setting: Setting
    ratio: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLimits:
    """Tuned settings of one channel. A parameter that is missing is as configured."""

    settings: Mapping[Parameter, Setting] = field(default_factory=dict)
    canary: Canary | None = None
    leash_ratio: float = 0.0
    """So many requests run with twice the timeouts, so that it is seen what the timeouts cut off."""
    patience_s: float = 60.0
    """What nearly all answers take: an attempt that is younger is not yet held against the channel's admission."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What a channel said of its own limits, in the headers of an answer. None: it did not say."""

    requests_max: int | None = None
    requests_left: int | None = None
    requests_reset_s: float | None = None
    tokens_max: int | None = None
    tokens_left: int | None = None
    tokens_reset_s: float | None = None

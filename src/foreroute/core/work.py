"""How much a request asks of a channel, and how long that channel usually takes for so much.

Two requests on one channel differ in latency by what they ask; one channel in two hours differs by its state. Kept
apart, each is easier to know: `WorkModel` says what is usual for a request, a slowdown factor what is unusual now.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

_LOG_MAX: Final = 12.0
"""Nothing is expected to take longer than e¹² s or less than e⁻¹² s: coefficients of a young model may be wild."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a request asks for. `output_tokens`: as many as came, or as many as are expected."""

    input_tokens: int = 0
    output_tokens: int = 0
    stream: bool = False
    tools: bool = False


NO_WORK: Final = Work()


class Ratio(NamedTuple):
    """Observed over expected duration of one attempt: 1 as usual, 2 twice as slow. NaN: nobody can tell."""

    whole: float = math.nan
    first_chunk: float = math.nan


NO_RATIO: Final = Ratio()


@dataclass(frozen=True, slots=True)
class Linear:
    """The logarithm of a duration in seconds: a constant, and a slope for each feature."""

    constant: float
    slopes: tuple[float, ...]

    def seconds(self, features: tuple[float, ...]) -> float:
        log = self.constant + sum(slope * x for slope, x in zip(self.slopes, features, strict=True))
        return math.exp(min(max(log, -_LOG_MAX), _LOG_MAX))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkModel:
    """What is usual on one channel. None where too little has been seen to tell."""

    first_chunk: Linear | None = None
    """Of streams; by input tokens and tools."""
    whole: Linear | None = None
    """Of whole answers; by input tokens, tools, output tokens and whether it is a stream."""
    per_token: Linear | None = None
    """Of streams, between first chunk and end, per output token; by output tokens."""
    output: Linear | None = None
    """Output tokens, not seconds; by input tokens, tools and the limit that the client set."""

    def first_chunk_s(self, work: Work) -> float | None:
        return None if self.first_chunk is None else self.first_chunk.seconds(first_chunk_features(work))

    def whole_s(self, work: Work) -> float | None:
        return None if self.whole is None else self.whole.seconds(whole_features(work))

    def seconds_per_token(self, work: Work) -> float | None:
        return None if self.per_token is None else self.per_token.seconds(per_token_features(work))

    def output_tokens(self, work: Work, output_tokens_max: int | None) -> float | None:
        """How long the answer is likely to be, never more than the client allows."""
        if self.output is None:
            return None
        tokens = self.output.seconds(output_features(work, output_tokens_max))
        return tokens if output_tokens_max is None else min(tokens, float(output_tokens_max))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A channel's usual speed, and how much slower than that it is expected to be over the next quarter of an hour."""

    model: WorkModel
    slowdown: float = 1.0

    def delay_s(self, work: Work) -> float | None:
        """To the first chunk of a stream, to the end of another answer."""
        usual_s = self.model.first_chunk_s(work) if work.stream else self.model.whole_s(work)
        return None if usual_s is None else usual_s * self.slowdown


def first_chunk_features(work: Work) -> tuple[float, ...]:
    return (math.log1p(work.input_tokens), float(work.tools))


def whole_features(work: Work) -> tuple[float, ...]:
    return (*first_chunk_features(work), math.log1p(work.output_tokens), float(work.stream))


def per_token_features(work: Work) -> tuple[float, ...]:
    return (math.log1p(work.output_tokens),)


def output_features(work: Work, output_tokens_max: int | None) -> tuple[float, ...]:
    return (
        *first_chunk_features(work),
        0.0 if output_tokens_max is None else math.log1p(output_tokens_max),
        float(output_tokens_max is None),
    )

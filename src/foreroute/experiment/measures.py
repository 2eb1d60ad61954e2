"""What arms are compared by."""

from enum import StrEnum
from typing import Final


class Measure(StrEnum):
    """Of whole requests as their client saw them, failovers included."""

    LATENCY = "latency"
    """Geometric mean of the seconds to the end of a successful answer: a few slow requests do not drown the rest."""
    LATENCY_MEAN = "latency_mean"
    """Arithmetic mean of the same."""
    LATENCY_P95 = "latency_p95"
    FIRST_CHUNK = "first_chunk"
    """Geometric mean of the seconds to the first chunk of successful streams."""
    FIRST_CHUNK_P95 = "first_chunk_p95"
    FAILURES = "failures"
    """Share of requests that no channel answered; those whose client left are not judged."""
    COST = "cost"
    """US dollars a request, all its attempts together."""
    TOKENS = "tokens"
    """Output tokens a successful request."""
    QUALITY = "quality"
    """Mean of the scores that were sent in."""


COUNTED: Final = (
    Measure.LATENCY,
    Measure.LATENCY_MEAN,
    Measure.FIRST_CHUNK,
    Measure.FAILURES,
    Measure.COST,
    Measure.TOKENS,
    Measure.QUALITY,
)
"""Those whose sums are kept. The order is that of stored sums: new ones go to the end."""
LOGARITHMIC: Final = frozenset({Measure.LATENCY, Measure.FIRST_CHUNK})
QUANTILES: Final = {Measure.LATENCY_P95: Measure.LATENCY, Measure.FIRST_CHUNK_P95: Measure.FIRST_CHUNK}
"""What each is a quantile of; the values behind it are logarithms of seconds."""
RANK: Final = 0.95
HIGHER_IS_BETTER: Final = frozenset({Measure.QUALITY})
ABSOLUTE: Final = frozenset({Measure.QUALITY})
"""Effects are differences, not ratios: a score may be zero or less."""

"""When requests come, and how much work each brings: a recorded arrival trace, or a synthetic one."""

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

from foreroute.core.errors import ForerouteError


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: seconds after the start of the trace, and its tokens."""

    offset_s: float
    input_tokens: int
    output_tokens: int


def read_trace(path: Path, *, keep_every: int = 1) -> list[Arrival]:
    """A CSV (optionally gzipped) with the columns ts, prompt_tokens and output_tokens, in order of time.

    `keep_every` = n keeps each n-th request. Raises ForerouteError naming the line that cannot be read.
    """
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        rows = sorted(_rows(path, csv.DictReader(file)))
    kept = rows[::keep_every]
    return [Arrival(at - kept[0][0], tokens_in, tokens_out) for at, tokens_in, tokens_out in kept]


def _rows(path: Path, lines: Iterable[dict[str, str]]) -> Iterator[tuple[float, int, int]]:
    for number, line in enumerate(lines, start=2):
        try:
            at = datetime.fromisoformat(line["ts"]).timestamp()
            yield at, int(line["prompt_tokens"]), int(line["output_tokens"])
        except (KeyError, ValueError, TypeError) as error:
            raise ForerouteError(
                f"{path}:{number}: not a line of a request trace ({error}); "
                "it needs the columns ts, prompt_tokens, output_tokens"
            ) from None


def synthetic_trace(rng: Random, *, per_minute: float, minutes: int) -> list[Arrival]:
    """Poisson arrivals whose rate breathes by ±30 % every half hour, with lognormal token counts."""
    arrivals = []
    at = 0.0
    while at < minutes * 60.0:
        wave = 1.0 + 0.3 * ((at // 300) % 6 - 2.5) / 2.5
        at += rng.expovariate(per_minute * wave / 60.0)
        arrivals.append(
            Arrival(
                at,
                min(8000, int(rng.lognormvariate(6.6, 1.0))),
                min(800, 1 + int(rng.lognormvariate(4.4, 0.9))),
            )
        )
    return arrivals


def mean_input_tokens(arrivals: Sequence[Arrival]) -> int:
    """What a typical request brings."""
    return round(sum(arrival.input_tokens for arrival in arrivals) / len(arrivals))


def repeat(arrivals: Sequence[Arrival], *, until_s: float) -> Iterator[Arrival]:
    """The trace over and over, until `until_s` seconds after the start."""
    length = max(60.0, arrivals[-1].offset_s + 1e-3)
    base = 0.0
    while True:
        for arrival in arrivals:
            if base + arrival.offset_s >= until_s:
                return
            yield Arrival(base + arrival.offset_s, arrival.input_tokens, arrival.output_tokens)
        base += length

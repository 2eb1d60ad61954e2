"""A score and the group that its series belongs to."""

from dataclasses import dataclass

from foreroute.forecast.backtest_score import Score


@dataclass(frozen=True, slots=True)
class Cell:
    group: str
    score: Score

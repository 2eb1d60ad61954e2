"""What people said about alerts, and what follows from it: how far a kind of finding must go to become one."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

NOISE_STEP: Final = math.log(1.3)
"""One vote of noise raises a threshold by 30 %."""
USEFUL_STEP: Final = -NOISE_STEP
"""One vote of useful takes one vote of noise back, and lowers what nobody has called noise."""
FACTOR_MIN: Final = 0.7
"""Below this chance alone would alarm often: a tail that falls off by a unit in e has six times as much beyond 0.7 of
a threshold of 6.
"""
FACTOR_MAX: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One person's word about one alert. A later word about the same alert replaces it."""

    alert: str
    channel: str
    """Empty for alerts that are about no single channel."""
    metric: str
    kind: str
    useful: bool
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFeedback:
    """All votes that still weigh. A vote loses half of its weight every `half_life_s` seconds."""

    votes: tuple[Vote, ...] = ()
    half_life_s: float = 14 * 86_400.0

    def factor(self, channel: str, metric: str, kind: str, at: float) -> float:
        """What a threshold of this kind on this channel is multiplied by, 0.7…3: above 1, it takes more to alert."""
        weight = 0.0
        for vote in self.votes:
            if (vote.channel, vote.metric, vote.kind) == (channel, metric, kind):
                age_s = max(0.0, at - vote.at)
                step = USEFUL_STEP if vote.useful else NOISE_STEP
                weight += step * 0.5 ** (age_s / self.half_life_s)
        return min(max(math.exp(weight), FACTOR_MIN), FACTOR_MAX)

    def with_vote(self, vote: Vote) -> "AlertFeedback":
        return replace(self, votes=(*self._without(vote.alert), vote))

    def without(self, alert: str) -> "AlertFeedback":
        """The same with nothing said about this alert: the undo of a vote."""
        return replace(self, votes=tuple(self._without(alert)))

    def of(self, alert: str) -> Vote | None:
        return next((vote for vote in self.votes if vote.alert == alert), None)

    def fresh(self, at: float) -> "AlertFeedback":
        """Without the votes of more than eight half-lives ago, which weigh nothing any more."""
        kept = tuple(vote for vote in self.votes if at - vote.at < 8 * self.half_life_s)
        return self if len(kept) == len(self.votes) else replace(self, votes=kept)

    def _without(self, alert: str) -> Iterable[Vote]:
        return (vote for vote in self.votes if vote.alert != alert)

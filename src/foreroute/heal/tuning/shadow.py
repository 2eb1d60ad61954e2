"""What a proposed timeout would have done to the requests that came after it was made, and the grade of that.

Helped: of so many requests at most one in two hundred would have been cut off in vain, and a stall would have been
noticed sooner; or, where the limit is to be longer, the present one did cut off more than that. Only timeouts can be
graded so: what another limit would have changed is not in what was measured under this one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from foreroute.core.ids import ChannelId
from foreroute.core.limits import TIMED, Parameter, Setting
from foreroute.heal.tuning.rails import Rails, is_tighter
from foreroute.heal.tuning.samples import Sample
from foreroute.heal.tuning.statistics import wilson
from foreroute.heal.tuning.values import Grade, Graded, Look, View

_CUT_RATIO_MAX: Final = 0.005
_WATCHED_S: Final = 1080.0
_WATCHED_S_MAX: Final = 7200.0


@dataclass(slots=True)
class Shadow:
    """A proposal that is not done. `in_vain`: answers that came, and would have come too late for it."""

    parameter: Parameter
    old: Setting
    new: Setting
    started_at: float
    reason: str
    samples: int = 0
    in_vain: int = 0
    cut: int = 0

    def see(self, sample: Sample, started_at: float) -> None:
        if sample.parameter is not self.parameter or started_at < self.started_at:
            return
        tokens = sample.tokens if self.parameter is Parameter.FIRST_CHUNK else None
        self.samples += 1
        self.cut += sample.cut
        self.in_vain += not sample.cut and sample.seconds > self.new.at(tokens)

    def grade(self, channel: ChannelId, at: float, rails: Rails) -> Graded | None:
        """None: not yet."""
        age_s = at - self.started_at
        if age_s < _WATCHED_S or (self.samples < rails.samples_min and age_s < _WATCHED_S_MAX):
            return None
        tightens = is_tighter(self.new, self.old)
        grade, said = self._tighter() if tightens else self._looser()
        if self.samples < rails.samples_min:
            grade, said = (
                Grade.UNKNOWN,
                f"{self.samples} of {rails.samples_min} samples in {age_s / 60:.0f} min",
            )
        return Graded(
            channel=channel,
            parameter=self.parameter,
            started_at=self.started_at,
            at=at,
            executed=False,
            grade=grade,
            old=self.old,
            new=self.new,
            reason=self.reason,
            detail=said,
        )

    def _tighter(self) -> tuple[Grade, str]:
        least, _ = wilson(self.in_vain, self.samples)
        said = (
            f"{self.in_vain} of {self.samples} would have been cut off in vain, "
            f"and a stall seen after {self.new.at():.3g} s in place of {self.old.at():.3g} s"
        )
        if least > _CUT_RATIO_MAX:
            return Grade.HURT, said
        return (Grade.HELPED if self.in_vain <= _CUT_RATIO_MAX * self.samples else Grade.NO_DIFFERENCE), said

    def _looser(self) -> tuple[Grade, str]:
        said = f"{self.cut} of {self.samples} were cut off"
        return (Grade.HELPED if self.cut > _CUT_RATIO_MAX * self.samples else Grade.FALSE_ALARM), said


class Shaded(Protocol):
    """What `watched` needs of a channel's state."""

    shadow: Shadow | None
    shaded: dict[Parameter, float]


def watched(
    channel: ChannelId, state: Shaded, views: Sequence[View], look: Look, rails: Rails, *, broken: bool
) -> list[Graded]:
    """While tuning may not act, one proposal of a channel at a time is watched as if it had been done."""
    if look.act or broken:
        state.shadow = None
        return []
    if state.shadow is not None:
        graded = state.shadow.grade(channel, look.at, rails)
        if graded is not None:
            state.shadow = None
        return [] if graded is None else [graded]
    waiting = [one for one in views if one.parameter in TIMED and one.proposal is not None]
    if waiting:
        first = min(waiting, key=lambda one: state.shaded.get(one.parameter, 0.0))
        state.shaded[first.parameter] = look.at
        new = first.proposal or first.current
        state.shadow = Shadow(first.parameter, first.current, new, look.at, first.reason)
    return []

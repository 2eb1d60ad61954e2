"""Times in which a channel is expected to be strange: maintenance and deploys. Nothing is said or learnt of it then."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

_DAY_S: Final = 86_400.0


class MuteReason(StrEnum):
    MAINTENANCE = "maintenance"
    """Announced trouble, for as long as it is announced."""
    DEPLOY = "deploy"
    """A change that may move the channel's level for good: what is usual is learnt anew after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """One such time, `start_at` until `end_at`. `*` in `channel` stands for anything."""

    channel: str
    start_at: float
    end_at: float
    id: str = ""
    reason: MuteReason = MuteReason.MAINTENANCE
    because: str = ""
    author: str = ""

    def covers(self, channel: str, at: float) -> bool:
        return self.start_at <= at < self.end_at and self.is_about(channel)

    def is_about(self, channel: str) -> bool:
        # Only * is special: brackets and question marks stand for themselves.
        return fnmatchcase(channel, self.channel.replace("[", "[[]").replace("?", "[?]"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """A mute that comes back: at one time of certain days, in UTC."""

    channel: str
    begins_s: float
    """Seconds after midnight."""
    lasts_s: float
    """At most a day."""
    weekdays: frozenset[int] = frozenset(range(7))
    """0 is Monday: the day on which it begins."""
    because: str = ""

    def around(self, at: float) -> Mute | None:
        """The one that an instant is in; None outside."""
        for days_ago in (0.0, 1.0):
            midnight = at // _DAY_S * _DAY_S - days_ago * _DAY_S
            start_at = midnight + self.begins_s
            # The first of January 1970 was a Thursday.
            weekday = (int(midnight // _DAY_S) + 3) % 7
            if weekday in self.weekdays and start_at <= at < start_at + self.lasts_s:
                return Mute(
                    channel=self.channel,
                    start_at=start_at,
                    end_at=start_at + self.lasts_s,
                    because=self.because,
                )
        return None


def mutes_at(at: float, once: Iterable[Mute], windows: Iterable[MaintenanceWindow]) -> tuple[Mute, ...]:
    """All that hold at an instant."""
    found = [one for one in once if one.start_at <= at < one.end_at]
    found += [mute for window in windows if (mute := window.around(at)) is not None]
    return tuple(found)

"""What waits for an operator's yes: the proposals of the capabilities that suggest, each with an expiry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from foreroute.control.moves import TROUBLES, Move
from foreroute.core.decision import Autopilot, Capability, ReasonCode
from foreroute.core.ids import ChannelId, RouteName
from foreroute.decide.snapshot import Approval

_Key = tuple[Capability, RouteName, ChannelId | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Shares of one route before and after the first step, 0…1. `channel` is the one that it is about."""

    id: str
    capability: Capability
    route: RouteName
    channel: ChannelId | None
    code: ReasonCode
    detail: str
    at: float
    expires_at: float
    before: Mapping[ChannelId, float]
    after: Mapping[ChannelId, float]

    @property
    def approval(self) -> Approval:
        return Approval(self.capability, self.channel)


@dataclass(slots=True)
class SuggestionBook:
    """One suggestion for each trouble. One that was dismissed does not come again before its trouble has gone."""

    valid_s: float
    gap_s: float
    """A trouble that nothing was proposed about for so long has gone."""
    _waiting: dict[_Key, Suggestion] = field(default_factory=dict)
    _dismissed: dict[_Key, float] = field(default_factory=dict)
    """When the dismissed proposal was last heard."""

    @property
    def waiting(self) -> tuple[Suggestion, ...]:
        return tuple(self._waiting.values())

    def update(self, moves: Iterable[Move], at: float) -> list[Suggestion]:
        """Takes up what is proposed in this tick; returns what has expired unanswered."""
        proposed = {
            (one.capability, one.route, one.channel): one
            for one in moves
            if not one.executed and one.stage is Autopilot.SUGGEST and one.code in TROUBLES
        }
        for key in self._dismissed.keys() & proposed.keys():
            self._dismissed[key] = at
        self._dismissed = {key: seen for key, seen in self._dismissed.items() if at - seen <= self.gap_s}
        expired = [one for one in self._waiting.values() if one.expires_at <= at]
        self._waiting = {
            key: one for key, one in self._waiting.items() if key in proposed and one not in expired
        }
        for key, move in proposed.items():
            if key not in self._dismissed:
                self._waiting[key] = self._renewed(self._waiting.get(key), move)
        return expired

    def take(self, name: str) -> Suggestion | None:
        """Answers it; None if it does not wait any more."""
        for key, one in self._waiting.items():
            if one.id == name:
                return self._waiting.pop(key)
        return None

    def dismiss(self, name: str, at: float) -> Suggestion | None:
        taken = self.take(name)
        if taken is not None:
            self._dismissed[taken.capability, taken.route, taken.channel] = at
        return taken

    def _renewed(self, known: Suggestion | None, move: Move) -> Suggestion:
        """The numbers are those of this tick; its name and its expiry stay."""
        fresh = Suggestion(
            id=move.id.replace("/", "-"),
            capability=move.capability,
            route=move.route,
            channel=move.channel,
            code=move.code,
            detail=move.detail,
            at=move.at,
            expires_at=move.at + self.valid_s,
            before=move.before,
            after=move.after,
        )
        return (
            fresh if known is None else replace(fresh, id=known.id, at=known.at, expires_at=known.expires_at)
        )

"""What failures have in common, how often and where it was seen, and whether it comes back."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.patterns import FailurePattern
from foreroute.heal.redact import redacted
from foreroute.heal.templates import Template, TemplateTree

_CHANNELS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternSettings:
    """Seconds and counts."""

    templates_max: int = 500
    gone_s: float = 1800.0
    """A pattern that a channel did not show for this long is over; then it comes back."""
    lookback_s: float = 7 * 86_400.0
    """It comes back when it was there within this time before."""
    news_s: float = 3600.0
    """How long a new pattern is news."""
    news_count_min: int = 3
    settling_s: float = 86_400.0
    """So long after the first failure everything is new, and only what nobody could name is news."""


@dataclass(slots=True)
class _Seen:
    example: str
    first_at: float
    last_at: float
    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    last_on: dict[str, float] = field(default_factory=dict)
    recurrences: int = 0
    group: str = ""


class PatternBook:
    """Learns from one failure at a time. Memory is bounded by the number of templates."""

    def __init__(self, settings: PatternSettings) -> None:
        self._settings = settings
        self._tree = TemplateTree(settings.templates_max)
        self._seen: dict[str, _Seen] = {}
        self._born_at: float | None = None

    def observe(self, channel: ChannelId, kind: FailureClass, message: str, at: float) -> str:
        """The id of the failure's pattern."""
        words = redacted(message) or (kind.value,)
        template, _, gone = self._tree.add(words, at)
        if gone is not None:
            self._seen.pop(gone, None)
        if self._born_at is None:
            self._born_at = at
        seen = self._seen.setdefault(template.id, _Seen(" ".join(words), at, at))
        self._count(seen, channel, kind, at)
        return template.id

    def patterns(self) -> tuple[FailurePattern, ...]:
        """All of them, the newest seen first."""
        found = [_pattern(template, self._seen[template.id]) for template in self._tree]
        return tuple(sorted(found, key=lambda one: (-one.last_at, one.id)))

    def news(self, at: float) -> tuple[FailurePattern, ...]:
        """Patterns that were never seen before the last while, and more than once or twice since."""
        settings = self._settings
        settled = self._born_at is not None and at - self._born_at >= settings.settling_s
        fresh = [
            one
            for one in self.patterns()
            if 0 <= at - one.first_at < settings.news_s and one.count >= settings.news_count_min
        ]
        return tuple(one for one in fresh if settled or one.kind is FailureClass.UNKNOWN)

    def unnamed(self) -> tuple[FailurePattern, ...]:
        """Those that nobody could name."""
        return tuple(one for one in self.patterns() if one.kind is FailureClass.UNKNOWN)

    def grouped(self, groups: Mapping[str, str]) -> None:
        """Takes over which unnamed patterns are alike: pattern → group."""
        for name, seen in self._seen.items():
            seen.group = groups.get(name, "")

    def dump(self) -> dict[str, Any]:
        return {
            "born_at": self._born_at,
            "templates": self._tree.dump(),
            "seen": {
                name: {
                    "example": one.example,
                    "first_at": one.first_at,
                    "last_at": one.last_at,
                    "count": one.count,
                    "kinds": dict(one.kinds),
                    "channels": dict(one.channels),
                    "last_on": one.last_on,
                    "recurrences": one.recurrences,
                    "group": one.group,
                }
                for name, one in self._seen.items()
            },
        }

    def load(self, fields: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError or ValueError, and changes nothing, on what `dump` did not write."""
        tree = TemplateTree(self._settings.templates_max)
        tree.load(fields["templates"])
        seen = {template.id: _seen_of(fields["seen"][template.id]) for template in tree}
        born_at = fields["born_at"]
        self._tree, self._seen, self._born_at = tree, seen, None if born_at is None else float(born_at)

    def _count(self, seen: _Seen, channel: ChannelId, kind: FailureClass, at: float) -> None:
        before = seen.last_on.get(channel)
        if before is not None and self._settings.gone_s < at - before <= self._settings.lookback_s:
            seen.recurrences += 1
        if channel in seen.last_on or len(seen.last_on) < _CHANNELS_MAX:
            seen.last_on[channel] = max(at, before or at)
            seen.channels[channel] += 1
        seen.kinds[kind.value] += 1
        seen.count += 1
        seen.last_at = max(seen.last_at, at)


def _pattern(template: Template, seen: _Seen) -> FailurePattern:
    return FailurePattern(
        id=template.id,
        text=template.text,
        example=seen.example,
        count=seen.count,
        first_at=seen.first_at,
        last_at=seen.last_at,
        kinds={FailureClass(kind): count for kind, count in seen.kinds.items()},
        channels={ChannelId(name): count for name, count in seen.channels.items()},
        recurrences=seen.recurrences,
        group=seen.group,
    )


def _seen_of(fields: Mapping[str, Any]) -> _Seen:
    kinds = Counter({FailureClass(kind).value: int(count) for kind, count in fields["kinds"].items()})
    return _Seen(
        example=str(fields["example"]),
        first_at=float(fields["first_at"]),
        last_at=float(fields["last_at"]),
        count=int(fields["count"]),
        kinds=kinds,
        channels=Counter({str(name): int(count) for name, count in fields["channels"].items()}),
        last_on={str(name): float(at) for name, at in fields["last_on"].items()},
        recurrences=int(fields["recurrences"]),
        group=str(fields["group"]),
    )

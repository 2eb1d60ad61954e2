"""All that is learnt from attempts, as one stage: patterns of failures, what channels cannot do, and their calendars."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from foreroute.core.attempt import Attempt
from foreroute.core.errors import StoreCorrupt
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.patterns import ChannelFact, FailurePattern, Refusals, Told
from foreroute.heal.calendar import Calendar
from foreroute.heal.capabilities import Capabilities
from foreroute.heal.patterns import PatternBook, PatternSettings
from foreroute.heal.successors import successor_in

_VERSION: Final = 1
_READ_MAX: Final = 500
"""Failures whose text is read at a time: an outage of thousands a second must not hold up the loop."""
_SOON_S: Final = 14 * 86_400.0


class FailureLearning:
    """Knows more the longer it runs. Bounded in memory; holds no word that a caller may have written."""

    def __init__(self, settings: PatternSettings | None = None) -> None:
        self._settings = settings or PatternSettings()
        self._book = PatternBook(self._settings)
        self._capabilities = Capabilities()
        self._calendar = Calendar()
        self._successors: dict[ChannelId, tuple[str, float]] = {}
        self._certificates: dict[ChannelId, float] = {}

    def observe(self, attempts: Sequence[Attempt]) -> None:
        """Takes in what has ended, in any order."""
        read = 0
        for attempt in attempts:
            self._calendar.observe(attempt)
            self._capabilities.observe(attempt)
            kind = attempt.failure_class
            if kind is None or read >= _READ_MAX:
                continue
            read += 1
            self._book.observe(attempt.channel, kind, attempt.error, attempt.started_at)
            if kind is FailureClass.MODEL_NOT_FOUND and (name := successor_in(attempt.error)) is not None:
                self._successors[attempt.channel] = (name, attempt.started_at)

    def certificate(self, channel: ChannelId, expires_at: float) -> None:
        """The certificate that the channel's server shows ends then."""
        self._certificates[channel] = expires_at

    def patterns(self) -> tuple[FailurePattern, ...]:
        return self._book.patterns()

    def unnamed(self) -> tuple[FailurePattern, ...]:
        return self._book.unnamed()

    def grouped(self, groups: Mapping[str, str]) -> None:
        self._book.grouped(groups)

    def refusals(self, at: float) -> dict[ChannelId, Refusals]:
        return self._capabilities.refusals(at)

    def facts(self, at: float) -> tuple[ChannelFact, ...]:
        """Everything that is known of channels, by channel and name."""
        found = [*self._capabilities.facts(at), *self._calendar.facts(at)]
        found += [
            ChannelFact(channel=channel, name="successor", value=name, at=since)
            for channel, (name, since) in self._successors.items()
        ]
        found += [
            ChannelFact(
                channel=channel,
                name="certificate",
                value=f"ends in {(expires_at - at) / 86_400:.1f} days" if expires_at > at else "has ended",
                at=at,
                expected_at=expires_at,
            )
            for channel, expires_at in self._certificates.items()
        ]
        return tuple(sorted(found, key=lambda fact: (fact.channel, fact.name, fact.value)))

    def told(self, at: float) -> Told:
        """What somebody should look at."""
        return Told(news=self._book.news(at), due=self.due_soon(at))

    def due_soon(self, at: float) -> tuple[ChannelFact, ...]:
        """Certificates that end within two weeks, or have ended."""
        return tuple(
            fact
            for fact in self.facts(at)
            if fact.name == "certificate" and fact.expected_at is not None and fact.expected_at - at < _SOON_S
        )

    def dump(self) -> bytes:
        return orjson.dumps(
            {
                "version": _VERSION,
                "patterns": self._book.dump(),
                "capabilities": self._capabilities.dump(),
                "calendar": self._calendar.dump(),
                "successors": self._successors,
                "certificates": self._certificates,
            }
        )

    def load(self, state: bytes) -> None:
        """Goes on from what `dump` gave. Raises StoreCorrupt and changes nothing if it cannot."""
        fresh = FailureLearning(self._settings)
        try:
            fresh._take(orjson.loads(state))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreCorrupt(f"what was learnt from failures cannot be read: {error!r}") from None
        self._book, self._capabilities, self._calendar = fresh._book, fresh._capabilities, fresh._calendar
        self._successors, self._certificates = fresh._successors, fresh._certificates

    def _take(self, fields: Mapping[str, Any]) -> None:
        if fields["version"] != _VERSION:
            raise ValueError(f"version {fields['version']}")
        self._book.load(fields["patterns"])
        self._capabilities.load(fields["capabilities"])
        self._calendar.load(fields["calendar"])
        self._successors = {
            ChannelId(name): (str(model), float(at)) for name, (model, at) in fields["successors"].items()
        }
        self._certificates = {ChannelId(name): float(at) for name, at in fields["certificates"].items()}

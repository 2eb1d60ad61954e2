"""Many troubles with one reason: a region, a provider, or everything at once. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.signals import labels, total_impact
from foreroute.alerts.values import Alert, Phase, Severity, Signal, Source, fingerprint_of
from foreroute.alerts.words import advice_on
from foreroute.core.channel import Channel

_TROUBLE: Final = frozenset({Source.INCIDENT, Source.FAILING, Source.SLOW})
_MEMBERS_MIN: Final = 2
_ORDER: Final = ("region", "provider", "everywhere")


@dataclass(frozen=True, slots=True)
class _Place:
    kind: str
    name: str
    channels: frozenset[str]

    @property
    def labels(self) -> dict[str, str]:
        more = {} if self.kind == "everywhere" else {self.kind: self.name}
        return labels(Source.EVENT, self.kind, **more)


def events_of(
    signals: Sequence[Signal],
    channels: Sequence[Channel],
    alerts: Mapping[str, Alert],
    settings: AlertSettings,
) -> list[Signal]:
    """An event that is on goes on until few of its channels are left; a new one needs most of them.

    Where several places explain the same channels, the one that explains the most is taken, and of those the one
    in which the fewest channels are well.
    """
    bad: dict[str, list[Signal]] = {}
    for signal in signals:
        if signal.source in _TROUBLE:
            bad.setdefault(signal.labels["channel"], []).append(signal)
    found: list[Signal] = []
    explained: set[str] = set()
    places = list(_places(channels))
    for place in (one for one in places if _is_on(one, alerts)):
        members = place.channels & bad.keys()
        if len(members) >= max(1.0, settings.event_ratio_clear * len(place.channels)):
            found.append(_event(place, members, bad))
            explained |= members
    while best := _best(places, bad.keys() - explained, settings):
        members = best.channels & bad.keys()
        found.append(_event(best, members, bad))
        explained |= members
        places.remove(best)
    return found


def _places(channels: Iterable[Channel]) -> Iterator[_Place]:
    known = list(channels)
    for region in sorted({channel.region for channel in known}):
        yield _Place("region", region, frozenset(one.id for one in known if one.region == region))
    for provider in sorted({channel.provider for channel in known}):
        yield _Place("provider", provider, frozenset(one.id for one in known if one.provider == provider))
    yield _Place("everywhere", "", frozenset(one.id for one in known))


def _is_on(place: _Place, alerts: Mapping[str, Alert]) -> bool:
    alert = alerts.get(fingerprint_of(place.labels))
    return alert is not None and alert.phase is not Phase.RESOLVED


def _best(places: Sequence[_Place], bad: set[str], settings: AlertSettings) -> _Place | None:
    wide = [
        place
        for place in places
        if len(members := place.channels & bad) >= _MEMBERS_MIN
        and len(members) >= settings.event_ratio_min * len(place.channels)
    ]
    return max(
        wide,
        key=lambda one: (len(one.channels & bad), -len(one.channels), -_ORDER.index(one.kind)),
        default=None,
    )


def _event(place: _Place, members: Iterable[str], bad: Mapping[str, Sequence[Signal]]) -> Signal:
    names = tuple(sorted(members))
    # One signal for each channel: its worst, so that no request is counted twice.
    worst = [max(bad[name], key=lambda one: one.impact.score) for name in names]
    where = "all places" if place.kind == "everywhere" else f"{place.kind} {place.name}"
    done = sum(any(not deed.startswith("would ") for deed in signal.done) for signal in worst)
    return Signal(
        source=Source.EVENT,
        labels=place.labels,
        summary=f"{where}: {len(names)} of {len(place.channels)} channels are in trouble",
        since_at=min(signal.since_at for signal in worst),
        impact=total_impact(worst),
        floor=Severity.WARNING,
        done=(f"acted on {done} of them",) if done else (),
        advice=advice_on(Source.EVENT),
        members=names,
        incident=_most_told([signal.incident for signal in worst if signal.incident]),
    )


def _most_told(names: Sequence[str]) -> str:
    """Of several incidents in one place, the one of most channels."""
    return max(sorted(set(names)), key=names.count, default="")

"""Settings to incidents: the desk that keeps them."""

from foreroute.control.incidents.book import IncidentBook
from foreroute.control.incidents.desk import IncidentDesk, IncidentHouse
from foreroute.control.incidents.seen import BookSettings
from foreroute.control.incidents.watch import AttemptWatch
from foreroute.control.stages import Stages
from foreroute.core.incident_ports import IncidentedStore
from foreroute.core.ports import Clock, Store
from foreroute.heal.learning import FailureLearning
from foreroute.settings.convert import objectives_of
from foreroute.settings.model import Settings


def build_incidents(settings: Settings, store: Store, stages: Stages, clock: Clock) -> IncidentDesk | None:
    """None for a store that keeps none. `desk.start` comes before the loop's own start."""
    if not isinstance(store, IncidentedStore):
        return None
    section, learning = settings.incidents, stages.learning
    book = IncidentBook(
        AttemptWatch(objectives_of(settings)),
        BookSettings(
            reopen_s=section.reopen_within,
            lookback_s=section.recurs_within,
            observe_s=settings.loop.observe,
        ),
    )
    known = learning if isinstance(learning, FailureLearning) else None
    house = IncidentHouse(
        store=store.incidents,
        records=store.records,
        ledger=store.ledger,
        clock=clock,
        patterns=tuple if known is None else known.patterns,
        facts=(lambda _at: ()) if known is None else known.facts,
    )
    return IncidentDesk(book, house)

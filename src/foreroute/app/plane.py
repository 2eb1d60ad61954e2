"""What the control plane knows of the gateways that it steers, be it one beside it or several processes."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from foreroute.core.accounts import SharedHealth
from foreroute.core.budgets import ScopedBudget
from foreroute.core.channel import Channel
from foreroute.core.errors import StoreUnavailable
from foreroute.core.ids import KeyId
from foreroute.core.keys import KeyBook
from foreroute.core.plan import RoutingPlan
from foreroute.core.ports import PlanPublisher
from foreroute.core.windows import Window
from foreroute.monitor.intake import Intake
from foreroute.monitor.journal import Journal
from foreroute.monitor.journal_reader import JournalReader
from foreroute.settings.model import Settings


class Plane(Protocol):
    """May be asked from any thread."""

    @property
    def channels(self) -> tuple[Channel, ...]: ...

    @property
    def configured(self) -> RoutingPlan: ...

    @property
    def plans(self) -> PlanPublisher: ...

    @property
    def intake(self) -> Intake: ...

    @property
    def shared(self) -> SharedHealth | None:
        """How what it shares with other gateways is; None: it shares nothing."""
        ...

    def take_keys(self, book: KeyBook, spends: Mapping[Window, Mapping[KeyId, Decimal]], at: float) -> None:
        """`spends`: what each key has spent in the window that holds `at`."""
        ...

    def take_budgets(self, budgets: Sequence[ScopedBudget], spends: Mapping[str, Decimal], at: float) -> None:
        """`spends`: what each budget has spent in the window that holds `at`, by its name."""
        ...

    def keep_on_disk(self, folder: Path, source: str) -> JournalReader:
        """Where attempts are written down from now on; reads what is there already. Raises StoreUnavailable."""
        ...


def journal_folder(settings: Settings) -> Path:
    path = settings.store.path
    return path.with_name(f"{path.name}.journal")


def state_folder(settings: Settings) -> Path:
    path = settings.store.path
    return path.with_name(f"{path.name}.state")


def open_journal(folder: Path, source: str) -> Journal:
    """Raises StoreUnavailable with a sentence for a person."""
    try:
        return Journal(folder, source)
    except OSError as error:
        raise StoreUnavailable(
            f"the folder {folder} cannot be written ({error.strerror or error}): attempts are written down there "
            "until they are stored. Choose another place with store.path"
        ) from None


def claim_journal(reader: JournalReader, settings: Settings) -> None:
    """Makes this process the one that stores what is in the journal. Raises StoreUnavailable if another one does."""
    if not reader.claim():
        raise StoreUnavailable(
            f"another foreroute (`serve` or `collect`) stores the attempts of {settings.store.path} already. "
            "End it, or choose another store.path"
        )

"""Settings to playbooks that run: the book, the desk, and who does what they ask for."""

from collections.abc import Callable
from importlib import resources
from typing import Final

from foreroute.alerts.desk import AlertDesk
from foreroute.alerts.values import Severity
from foreroute.app.plane import Plane
from foreroute.app.playbook_actuator import HouseActuator, SendWord
from foreroute.app.playbook_hooks import Hooks
from foreroute.app.playbook_probes import Probes
from foreroute.control.playbooks.desk import PlaybookDesk, TellPeople, tell_nobody
from foreroute.control.playbooks.house import House
from foreroute.core.errors import ConfigError
from foreroute.core.playbook_ports import Answer, Order, PlaybookStore, RunJournal
from foreroute.core.ports import Clock, KeyedStore, Store
from foreroute.heal.playbooks.document import load_playbooks
from foreroute.heal.playbooks.playbook import Playbook
from foreroute.heal.playbooks.state import Book, Rules, Tell
from foreroute.heal.playbooks.steps import Hook
from foreroute.settings.convert import credentials_of, objectives_of
from foreroute.settings.model import Settings
from foreroute.store.memory_playbooks import MemoryRunJournal

_SEVERITIES: Final = {one.value: one for one in Severity}


def playbooks_of(settings: Settings) -> tuple[Playbook, ...]:
    """The operator's own, or those that come with Foreroute. Raises ConfigError, also for a hook that is not allowed."""
    path = settings.heal.playbooks
    if path is None:
        with resources.as_file(
            resources.files("foreroute.heal.playbooks").joinpath("recovery_playbooks.yaml")
        ) as own:
            found = load_playbooks(own)
    else:
        found = load_playbooks(path)
    _check_hooks(found, settings)
    return found


def _check_hooks(playbooks: tuple[Playbook, ...], settings: Settings) -> None:
    allowed = {hook.name for hook in settings.heal.hooks}
    for playbook in playbooks:
        for step in playbook.steps:
            if isinstance(step.action, Hook) and step.action.name not in allowed:
                known = ", ".join(sorted(allowed)) or "none so far"
                raise ConfigError(
                    f"its step {step.id} calls the hook {step.action.name}, which the settings do not allow",
                    where=f"{settings.heal.playbooks}, playbook {playbook.name}",
                    hint=f"name it in heal.hooks (allowed: {known}), or take the step out",
                )


def book_of(settings: Settings) -> Book:
    section = settings.heal
    rules = Rules(parallel_max=section.runs_parallel_max, starts_per_hour_max=section.runs_per_hour_max)
    return Book.of(playbooks_of(settings), rules)


def build_playbooks(
    settings: Settings,
    store: Store,
    data: Plane,
    clock: Clock,
    *,
    alerts: AlertDesk | None = None,
    keys_changed: Callable[[], None] = lambda: None,
) -> PlaybookDesk:
    """Raises ConfigError on playbooks that are wrong."""
    actuator = HouseActuator(
        records=store.records,
        hooks=Hooks(settings.heal.hooks),
        probes=Probes(data.channels, credentials_of(settings)),
        send=None if alerts is None else _sending(alerts),
        keys=store.keys if isinstance(store, KeyedStore) else None,
        keys_changed=keys_changed,
    )
    return PlaybookDesk(
        book_of(settings),
        House(channels=data.channels, configured=data.configured, objectives=objectives_of(settings)),
        journal_of(store),
        actuator,
        store.records,
        clock,
        tell_nobody if alerts is None else _telling(alerts),
    )


class NobodyAsked:
    """What steps ask for in a simulated world: it is taken for done."""

    async def do(self, order: Order) -> Answer:
        return Answer(ok=True, said=f"{order.action}: nobody is asked in a simulation")

    async def undo(self, order: Order) -> Answer:
        return Answer(ok=True, said=f"{order.action}: nobody is asked in a simulation")

    def may_repeat(self, order: Order) -> bool:  # noqa: ARG002 - the port
        return True


def simulated_playbooks(settings: Settings, data: Plane, store: Store) -> PlaybookDesk:
    """For worlds without an event loop: the same playbooks, in memory, and nobody outside hears of them."""
    house = House(channels=data.channels, configured=data.configured, objectives=objectives_of(settings))
    return PlaybookDesk(book_of(settings), house, MemoryRunJournal(), NobodyAsked(), store.records, None)


def journal_of(store: Store) -> RunJournal:
    """A store that keeps no runs has them as long as the process lives."""
    return store.playbook_runs if isinstance(store, PlaybookStore) else MemoryRunJournal()


def _sending(alerts: AlertDesk) -> SendWord:
    async def send(text: str, severity: str, key: str, scope: str) -> int:
        return await alerts.tell(text, _SEVERITIES[severity], key=key, about={"scope": scope})

    return send


def _telling(alerts: AlertDesk) -> TellPeople:
    async def tell(command: Tell) -> None:
        severity = _SEVERITIES[command.severity.value]
        await alerts.tell(command.text, severity, key=command.key, about={"run": command.run})

    return tell

"""Notices name their incident and its page, say how long it lasted, and are not repeated by a restart: on a real webhook."""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest_asyncio
from tests.unit.alerts.conftest import AT, channel, incident
from tests.unit.alerts.test_senders import Hook

from foreroute.alerts.desk import AlertDesk
from foreroute.alerts.engine import AlertState, advance
from foreroute.alerts.evidence import Evidence, Traffic
from foreroute.alerts.outbox import Outbox
from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.values import Alert
from foreroute.alerts.webhook import WebhookSender
from foreroute.alerts.words import block
from foreroute.core.findings import Findings
from foreroute.monitor.fold import merge_rollups
from foreroute.serving import serve_asgi
from foreroute.store.memory import MemoryStore

PAGE = "https://fore.example/"
NAME = "i20260302-73b9cc43"
CHANNELS = (*(channel(f"us-{n}") for n in range(3)), channel("eu", region="eu", provider="other"))


def evidence(minute: int, *bad: str) -> Evidence:
    return Evidence(
        at=AT + 60.0 * minute,
        tick_s=60.0,
        channels=CHANNELS,
        findings=Findings(incidents=tuple(incident(name) for name in bad)),
        traffic={
            one.id: Traffic(attempts_per_minute=40.0, failure_ratio=0.9 if one.id in bad else 0.0)
            for one in CHANNELS
        },
        about={one.id: NAME for one in CHANNELS if one.id in bad},
    )


class Clock:
    at = AT

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        self.at = max(self.at, at)
        await asyncio.sleep(0)


@pytest_asyncio.fixture
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    server = await serve_asgi(made)
    made.url = server.url
    yield made
    await server.aclose()


async def desk_on(store: MemoryStore, hook: Hook) -> AlertDesk:
    sender = WebhookSender(hook.url, external_url=PAGE)
    desk = AlertDesk(
        AlertSettings(receivers=("pager",)),
        store.records,
        Outbox({"pager": sender}, store.records, Clock(), Random(1)),
        Clock(),
    )
    await desk.start()
    return desk


def told(hook: Hook, status: str) -> list[Any]:
    return [one for _, message in hook.got for one in message["alerts"] if one["status"] == status]


async def test_a_trouble_and_its_end_are_told_once_over_a_restart_with_page_and_duration(hook: Hook) -> None:
    store = MemoryStore(merge_rollups)
    desk = await desk_on(store, hook)
    for minute in range(1, 6):
        await desk.update(evidence(minute, "us-0"))
    await desk.outbox.drain(10.0)
    firing = told(hook, "firing")
    assert len(firing) == 1
    assert firing[0]["generatorURL"] == f"{PAGE}incidents.html#{NAME}"
    assert firing[0]["annotations"]["incident_id"] == NAME
    assert firing[0]["endsAt"].startswith("0001-")
    await desk.stop()
    desk = await desk_on(store, hook)
    for minute in range(6, 12):
        await desk.update(evidence(minute, "us-0"))
    for minute in range(12, 40):
        await desk.update(evidence(minute))
    await desk.outbox.drain(10.0)
    await desk.stop()
    assert len(told(hook, "firing")) == 1, "the restart told nothing again"
    (over,) = told(hook, "resolved")
    assert over["startsAt"] == "2026-03-02T09:00:00.000Z"
    assert over["endsAt"] == "2026-03-02T09:12:00.000Z"
    assert over["annotations"]["duration"] == "12 min"
    assert over["generatorURL"].endswith(NAME)
    ids = [message["notificationId"] for _, message in hook.got]
    assert len(ids) == len(set(ids))


def alerts_after(*bad: str) -> dict[str, Alert]:
    state = AlertState()
    for minute in range(1, 4):
        state, _ = advance(state, evidence(minute, *bad), AlertSettings(receivers=("pager",)))
    return {one.labels.get("channel", one.labels["kind"]): one for one in state.alerts.values()}


def test_an_outage_names_the_incident_of_its_channels() -> None:
    found = alerts_after("us-0", "us-1", "us-2")
    assert found["region"].incident == NAME
    assert f"Incident: {PAGE}incidents.html#{NAME}" in block(found["region"], AT + 300.0, PAGE)
    assert f"Incident: {NAME}" in block(found["region"], AT + 300.0), "without a page, the name at least"


def test_the_incident_is_no_part_of_what_an_alert_is() -> None:
    state = AlertState()
    settings = AlertSettings(receivers=("pager",))
    first = evidence(1, "us-0")
    state, _ = advance(state, first, settings)
    other = Evidence(
        at=AT + 120.0,
        tick_s=60.0,
        channels=CHANNELS,
        findings=first.findings,
        traffic=first.traffic,
        about={one.id: "i-other" for one in CHANNELS},
    )
    state, _ = advance(state, other, settings)
    (alert,) = (one for one in state.alerts.values() if one.source == "incident")
    assert alert.incident == "i-other"

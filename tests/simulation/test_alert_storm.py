"""Bad nights on virtual time, told to a real webhook receiver on loopback: how often somebody's pager rings."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson

from foreroute.alerts.desk import AlertDesk
from foreroute.alerts.evidence import Evidence, Traffic
from foreroute.alerts.outbox import Outbox
from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.webhook import WebhookSender
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Anomaly, Findings, Incident
from foreroute.core.ids import ChannelId, IncidentId, RegionId
from foreroute.core.ports import RecordStore
from foreroute.core.series import Metric
from foreroute.monitor.fold import merge_rollups
from foreroute.serving import serve_asgi
from foreroute.store.memory import MemoryStore
from foreroute.testing.virtual_loop import LoopClock, VirtualTimeLoop, run_virtual

START_AT = 1_772_442_000.0
MINUTE = 60.0
REGION_SIZE = 200


@dataclass
class Pager:
    """Keeps what arrives."""

    got: list[Any] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        raw, more = b"", True
        while more:
            message = await receive()
            raw += message.get("body", b"")
            more = message.get("more_body", False)
        self.got.append(orjson.loads(raw))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    @property
    def reasons(self) -> list[str]:
        return [one["notificationReason"] for one in self.got]


class Night:
    """A house of `REGION_SIZE` channels in us-east and 20 in eu-west, minute by minute."""

    def __init__(self, loop: VirtualTimeLoop, url: str, pager: Pager) -> None:
        self.pager, self._url = pager, url
        self._clock = LoopClock(loop, epoch_at=START_AT)
        self._records: RecordStore = MemoryStore(merge_rollups).records
        self.channels = tuple(_channel(f"us-{n}", "us-east", n) for n in range(REGION_SIZE)) + tuple(
            _channel(f"eu-{n}", "eu-west", n) for n in range(20)
        )
        self._opened: dict[str, float] = {}
        self.desk: AlertDesk

    async def begin(self) -> None:
        outbox = Outbox(
            {"pager": WebhookSender(self._url, external_url="")}, self._records, self._clock, Random(1)
        )
        self.desk = AlertDesk(AlertSettings(receivers=("pager",)), self._records, outbox, self._clock)
        await self.desk.start()

    async def restart(self, *, in_order: bool) -> None:
        await (self.desk.stop() if in_order else self.desk.outbox.aclose())
        await self.begin()

    async def minute(self, bad: Iterable[str] = (), odd: Iterable[str] = ()) -> None:
        await self._clock.sleep_until((self._clock.now() // MINUTE + 1) * MINUTE)
        at = self._clock.now()
        names = set(bad)
        self._opened = {name: self._opened.get(name, at) for name in names}
        await self.desk.update(
            Evidence(
                at=at,
                tick_s=MINUTE,
                channels=self.channels,
                findings=Findings(
                    incidents=tuple(_incident(name, self._opened[name]) for name in sorted(names)),
                    anomalies=tuple(_anomaly(name, at) for name in sorted({*names, *odd})),
                ),
                traffic={
                    one.id: Traffic(attempts_per_minute=10.0, failure_ratio=0.9 if one.id in names else 0.0)
                    for one in self.channels
                },
            )
        )
        await asyncio.sleep(1.0)


def play(story: Callable[[Night], Awaitable[None]]) -> Pager:
    async def run(loop: VirtualTimeLoop) -> Pager:
        pager = Pager()
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(await serve_asgi(pager))
            night = Night(loop, server.url, pager)
            await night.begin()
            await story(night)
            await night.desk.outbox.aclose()
        return pager

    return run_virtual(run)


def _channel(name: str, region: str, number: int) -> Channel:
    provider = f"provider-{number % 7}"
    return Channel(
        id=ChannelId(name),
        provider=provider,
        cloud=provider,
        region=RegionId(region),
        model="m",
        base_url="http://x",
    )


def _incident(name: str, opened_at: float) -> Incident:
    return Incident(
        id=IncidentId(name),
        channel=ChannelId(name),
        opened_at=opened_at,
        root_cause=FailureClass.TIMEOUT_CONNECT,
        probability=0.9,
        evidence="9 of 10 attempts failed",
    )


def _anomaly(name: str, at: float) -> Anomaly:
    return Anomaly(
        channel=ChannelId(name),
        metric=Metric.FIRST_CHUNK_P95,
        at=at,
        value=2.0,
        expected=1.0,
        score=9.0,
        threshold=3.0,
        detector="zscore",
    )


def staggered(minute: int) -> list[str]:
    """The outage as detection sees it: one channel first, then 40 % of the region, then all of it."""
    share = (1, REGION_SIZE * 2 // 5, REGION_SIZE)
    return [f"us-{n}" for n in range(share[min(minute, 2)])]


async def outage(night: Night) -> None:
    for minute in range(45):
        await night.minute(staggered(minute))
    for minute in range(5):  # they come back one after the other
        await night.minute(f"us-{n}" for n in range(REGION_SIZE) if n % 5 > minute)
    for _ in range(30):
        await night.minute()


def test_a_region_with_200_channels_rings_at_most_three_times() -> None:
    pager = play(outage)
    assert 2 <= len(pager.got) <= 3
    assert pager.got[-1]["status"] == "resolved"
    region = [one for message in pager.got for one in message["alerts"] if one["labels"]["source"] == "event"]
    assert {one["labels"]["region"] for one in region} == {"us-east"}
    assert "of 200 channels are in trouble" in region[0]["annotations"]["summary"]


def test_each_alert_that_was_told_is_told_to_be_over() -> None:
    """A receiver that opens a ticket per fingerprint has none left open."""
    pager = play(outage)
    last = {one["fingerprint"]: one["status"] for message in pager.got for one in message["alerts"]}
    assert set(last.values()) == {"resolved"}


def test_a_restart_in_the_middle_of_it_rings_no_more_often() -> None:
    async def story(night: Night) -> None:
        for minute in range(45):
            await night.minute(staggered(minute))
            if minute % 3 == 2:
                await night.restart(in_order=minute % 2 == 0)
        for _ in range(30):
            await night.minute()

    assert 2 <= len(play(story).got) <= 3


def test_flapping_channels_ring_a_few_times_a_day() -> None:
    """Three channels that are bad for one minute in six, each at its own time, for a day: 720 troubles."""

    async def story(night: Night) -> None:
        for minute in range(24 * 60):
            await night.minute([f"us-{n}" for n in range(3) if minute % 6 == 2 * n])

    pager = play(story)
    assert 1 <= len(pager.got) <= 20
    assert pager.reasons.count("resolved") <= 2


def test_a_silence_keeps_the_night_quiet_and_ends_by_itself() -> None:
    async def story(night: Night) -> None:
        await night.minute()
        at = START_AT + MINUTE
        await night.desk.silence(
            ["region=us-east"], start_at=at, end_at=at + 40 * MINUTE, author="ann", comment=""
        )
        for minute in range(35):
            await night.minute(staggered(minute))
        assert night.pager.got == []
        for _ in range(15):
            await night.minute(staggered(9))

    assert play(story).reasons == ["firing"]


def test_a_strange_but_harmless_channel_rings_nobody() -> None:
    """Twice as slow for one request in two minutes: that is on the dashboard, and that is all."""

    async def story(night: Night) -> None:
        for _ in range(30):
            await night.minute(odd=["us-1"])
        assert len(night.desk.state.alerts) == 1

    assert play(story).got == []

"""A whole house for one fault: channels on loopback, the real gateway and its users, on virtual time."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from foreroute.app.control_plane import ControlOptions, ControlPlane, open_store, save_leftovers
from foreroute.app.data_plane import DataPlane, build_data_plane
from foreroute.app.plane import journal_folder
from foreroute.chaos.answer import Answer, verdict_of
from foreroute.chaos.certificates import make_certificates
from foreroute.chaos.client import ask
from foreroute.chaos.fault import PATIENCE_S, Course, Fault
from foreroute.chaos.names import HOST, LoopbackNames
from foreroute.chaos.seen import Asked, Seen
from foreroute.chaos.station import Station
from foreroute.control.decision_log import AUDIT
from foreroute.control.thread import ControlThread
from foreroute.control.tuning import TUNING
from foreroute.core.attempt import Attempt
from foreroute.core.ids import ChannelId
from foreroute.gateway.network import Network
from foreroute.monitor.journal_reader import JournalReader
from foreroute.serving import serve_asgi
from foreroute.settings import Settings, parse_settings
from foreroute.testing.virtual_loop import LoopClock, VirtualTimeLoop

EPOCH_AT: Final = 1_772_442_000.0
"""A whole minute."""
ROUTE: Final = "chat"
_SOURCE: Final = "chaos"
_JOIN_S: Final = 20.0
_STEP_S: Final = 2.5


class SteppedClock(LoopClock):
    """Virtual time whose hands somebody may set."""

    def __init__(self, loop: VirtualTimeLoop, *, epoch_at: float) -> None:
        super().__init__(loop, epoch_at=epoch_at)
        self.set_by_s = 0.0

    def now(self) -> float:
        return super().now() + self.set_by_s

    async def sleep_until(self, at: float) -> None:
        await super().sleep_until(at - self.set_by_s)


@dataclass
class Control:
    """A running control plane on a thread of its own, on the same virtual time."""

    plane: ControlPlane
    thread: ControlThread
    loop: VirtualTimeLoop

    async def end(self) -> None:
        self.thread.kill()
        await standing_still(self.loop, self.thread.join, _JOIN_S)


@dataclass
class House:
    loop: VirtualTimeLoop
    fault: Fault
    settings: Settings
    data: DataPlane
    port: int
    stations: dict[ChannelId, Station]
    names: LoopbackNames
    clock: SteppedClock
    seen: Seen
    folder: Path
    control: Control | None = None

    def now(self) -> float:
        """Seconds since the start."""
        return self.loop.time()

    @property
    def faulty(self) -> list[Station]:
        return [self.stations[name] for name in self.seen.faulty]

    async def begin(self) -> None:
        """The fault is there from now on."""
        fault = self.fault
        self.seen.began_at = self.now()
        self.names.trouble = fault.names
        act = fault.act if fault.fresh_act is None else fault.fresh_act()
        for station in self.faulty:
            if fault.door == "open" and fault.certificate == "good" and not fault.names.is_there:
                station.act = act
            else:
                await station.become(fault.door, fault.certificate, act=act)

    async def end(self) -> None:
        """All is well again."""
        fault = self.fault
        for station in self.faulty:
            if fault.door == "open" and fault.certificate == "good":
                station.become_sound()
            else:
                await station.become()
        self.names.trouble = type(self.names.trouble).NONE
        self.seen.ended_at = self.now()

    async def ask(self, text: str, *, more: Mapping[str, Any] | None = None, keep: bool = True) -> Answer:
        """One user's request. `keep` it in `seen`, unless it cannot be judged like the others."""
        at, stream = self.now(), self.fault.stream
        answer = await ask(
            self.port, ROUTE, text, stream=stream, headers={}, patience_s=PATIENCE_S, more=more
        )
        if keep:
            self.seen.asked.append(Asked(at, answer, verdict_of(answer, stream=stream)))
        return answer

    async def users(
        self, for_s: float, text: Callable[[int], str] | None = None, *, pace_s: float | None = None
    ) -> None:
        """Requests at a steady pace for so long. Returns at the end of that time, whether or not all are answered."""
        pace = self.fault.course.pace_s if pace_s is None else pace_s
        until = self.now() + for_s
        number = len(self.seen.asked)
        while self.now() < until - 1e-9:
            number += 1
            words = f"{self.fault.id}: question {number}" if text is None else text(number)
            self.track(asyncio.ensure_future(self.ask(words)))
            await asyncio.sleep(min(pace, max(0.0, until - self.now())))

    async def users_until_back(self, at_most_s: float, *, calm_s: float = 10.0) -> None:
        """Sound traffic until every faulty channel has served users again, and a little longer."""
        until = self.now() + at_most_s
        while self.now() < until and not all(one.has_served_since(self.seen.ended_at) for one in self.faulty):
            await self.users(min(_STEP_S, until - self.now()))
        await self.users(max(0.0, min(calm_s, until - self.now())))

    def track(self, asking: "asyncio.Future[Any]") -> None:
        """A request that `answered` waits for."""
        self._under_way.add(asking)
        asking.add_done_callback(self._under_way.discard)

    async def answered(self) -> None:
        """All that was asked is answered."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    _under_way: set["asyncio.Future[Any]"] = field(default_factory=set)

    async def start_control(self, source: str = _SOURCE) -> Control:
        """The control loop, from now on. It ends with the house, if not before."""
        self.clock.start()
        options = ControlOptions(source=source, wait_for_fits=True, headless=True)
        plane = ControlPlane(self.settings, self.data, self.clock, options)
        thread = ControlThread(plane.main, on_exit=self.clock.leave)
        self.control = Control(plane, thread, self.loop)
        thread.start()
        await standing_still(self.loop, plane.ready.wait)
        if plane.loop is None:
            await standing_still(self.loop, thread.join, _JOIN_S)
            raise RuntimeError(f"the control loop did not start: {thread.error!r}")
        return self.control

    async def close_books(self) -> None:
        """What was recorded, from the ledger where there is one, else from the journal on disk."""
        attempts = await self._ledger() if self.control is not None else self._journal()
        known = sorted(attempts, key=lambda one: one.started_at)
        self.seen.attempts = [replace(one, started_at=one.started_at - EPOCH_AT) for one in known]
        self.seen.unrecorded = self.data.gateway.attempts_total - len(known)

    def _journal(self) -> list[Attempt]:
        return JournalReader(journal_folder(self.settings), own="nobody").poll()

    async def _ledger(self) -> list[Attempt]:
        control = self.control
        assert control is not None  # noqa: S101 - asked before
        await control.end()
        assert control.plane.stages is not None  # noqa: S101 - it had started
        await save_leftovers(self.settings, control.plane.stages)
        store = await open_store(self.settings)
        try:
            entries = await store.ledger.entries(start_at=0.0, end_at=1e12)
            self.seen.acts = [one for kind in (AUDIT, TUNING) for one in await store.records.read(kind)]
        finally:
            await store.close()
        return [entry.attempt for entry in entries]


async def standing_still(loop: VirtualTimeLoop, wait: Callable[..., Any], *arguments: Any) -> Any:
    """Waits for another thread without letting virtual time run on meanwhile."""
    hold = loop.hold()
    hold.take()
    try:
        return await asyncio.to_thread(wait, *arguments)
    finally:
        hold.release()


@asynccontextmanager
async def open_house(
    loop: VirtualTimeLoop,
    fault: Fault,
    folder: Path,
    sections: Mapping[str, Any] | None = None,
    *,
    seed: int = 1,
) -> AsyncIterator[House]:
    """All sound at first. `sections` go into the configuration; `seed` is the gateway's chance. Raises OSError where a fault needs what is not there."""
    course = fault.course
    ids = [ChannelId(f"channel-{number}") for number in range(1, course.channels + 1)]
    seen = Seen(fault=fault, faulty=tuple(ids[: fault.faulty]))
    certificates = make_certificates(folder / "certificates", HOST) if course.secure else None
    async with AsyncExitStack() as stack:
        stations = {}
        for name in ids:
            station = Station(name, certificates if name in seen.faulty else None)
            stack.push_async_callback(station.close)
            await station.become()
            stations[name] = station
        settings = settings_of(fault, stations, folder / "chaos.db", sections or {})
        clock = SteppedClock(loop, epoch_at=EPOCH_AT)
        names = LoopbackNames()
        data = build_data_plane(
            settings,
            clock=clock,
            rng=Random(seed),
            network=Network(
                resolver=names,
                tls=None if certificates is None else certificates.client(),
                keep_names=False,
            ),
        )
        stack.push_async_callback(data.gateway.aclose)
        server = await stack.enter_async_context(await serve_asgi(data.gateway))
        house = House(loop, fault, settings, data, _port_of(server.url), stations, names, clock, seen, folder)
        stack.push_async_callback(house.answered)
        if course.control:
            await house.start_control()
            stack.push_async_callback(_end_control, house)
        else:
            data.keep_on_disk(journal_folder(settings), _SOURCE)
        yield house


async def _end_control(house: House) -> None:
    if house.control is not None:
        await house.control.end()


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def settings_of(
    fault: Fault, stations: Mapping[ChannelId, Station], store: Path, sections: Mapping[str, Any]
) -> Settings:
    """What an operator would write: waits that a fault can be seen by within a suite's patience, else the defaults."""
    course = fault.course
    document = {
        "autopilot": "act",
        "gateway": {"port": 0, "deadline": "60s"},
        "dashboard": {"enabled": False},
        "store": {"path": str(store)},
        "timeouts": {"connect": f"{course.connect_s:g}s", "first_chunk": "5s", "stall": "5s", "total": "20s"},
        "loop": {"fit_workers": 0, "collect": "10s"},
        "log": {"level": "error"},
        "channels": [
            {
                "id": name,
                "provider": "openai",
                "region": "there" if name in _first(stations, fault) else "here",
                "model": "gpt-4o-mini",
                "base_url": _url(course, station, faulty=name in _first(stations, fault)),
            }
            for name, station in stations.items()
        ],
        "routes": [
            {
                "model": ROUTE,
                "objective": {"metric": "latency_p95", "limit": "1s"},
                "targets": [{"channel": name} for name in stations],
            }
        ],
        **sections,
    }
    return parse_settings(json.dumps(document).encode(), name="chaos", environment={})


def _first(stations: Mapping[ChannelId, Station], fault: Fault) -> list[ChannelId]:
    return list(stations)[: fault.faulty] if not fault.everywhere else []


def _url(course: Course, station: Station, *, faulty: bool) -> str:
    host = HOST if faulty and (course.named or course.secure) else "127.0.0.1"
    scheme = "https" if faulty and course.secure else "http"
    return f"{scheme}://{host}:{station.port}/v1"

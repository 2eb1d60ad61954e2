"""The mutes of a running service: from the settings, and by people; those are on record and outlive a restart."""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from pydantic import TypeAdapter, ValidationError

from foreroute.core.errors import StoreError
from foreroute.core.fields import BadField
from foreroute.core.findings import Anomaly
from foreroute.core.ids import ChannelId
from foreroute.core.mute import MaintenanceWindow, Mute, mutes_at
from foreroute.core.ports import Record, RecordStore
from foreroute.core.series import Series

MUTE: Final = "detect_mute"
LASTS_MAX_S: Final = 7 * 86_400.0
_MUTES_MAX: Final = 200
_KEPT_S: Final = 86_400.0
"""Of an ended one: windows that come late still fall into it."""
_FORM: Final = TypeAdapter(Mute)
_log: Final = logging.getLogger("foreroute.detect")


class Mutes:
    """One change at a time. Until the store has answered once, those of the settings hold alone."""

    def __init__(
        self,
        records: RecordStore,
        *,
        channels: Sequence[ChannelId],
        windows: Sequence[MaintenanceWindow] = (),
    ) -> None:
        self._records, self._channels, self._windows = records, tuple(channels), tuple(windows)
        self._once: tuple[Mute, ...] = ()
        self._turn = asyncio.Lock()

    async def start(self, at: float) -> None:
        """Takes up what an earlier run has left. Expired ones are forgotten."""
        try:
            found = await self._records.read(MUTE, limit=_MUTES_MAX)
        except StoreError as error:
            _log.warning("mutes_not_restored", extra={"error": str(error)})
            return
        self._once = tuple(mute for record in found if (mute := _read(record)) and at < mute.end_at)

    def holding(self, at: float) -> tuple[Mute, ...]:
        return mutes_at(at, self._once, self._windows)

    def known(self, at: float) -> tuple[Mute, ...]:
        """Those that hold, and those that people have announced, the next to end first."""
        holding = self.holding(at)
        ahead = [one for one in self._once if at < one.start_at]
        return tuple(sorted([*holding, *ahead], key=lambda one: (one.end_at, one.id)))

    async def add(self, mute: Mute, at: float) -> Mute:
        """Raises BadField, and StoreError when it could not be written down; it holds all the same."""
        self._check(mute, at)
        async with self._turn:
            self._once = tuple(one for one in self._once if at < one.end_at + _KEPT_S)
            if sum(at < one.end_at for one in self._once) >= _MUTES_MAX:
                raise BadField("channel", f"there are {_MUTES_MAX} mutes already", "end some of them")
            text = f"{mute.channel}\n{mute.start_at}\n{at}\n{len(self._once)}"
            made = replace(mute, id=hashlib.sha256(text.encode()).hexdigest()[:10])
            self._once = (*self._once, made)
            await self._write(made, at)
            return made

    async def end(self, name: str, at: float) -> Mute:
        """Ends it now. Raises KeyError, and for those of the settings too: they are ended there."""
        async with self._turn:
            mute = next((one for one in self._once if one.id == name and at < one.end_at), None)
            if mute is None:
                raise KeyError(name)
            ended = replace(mute, end_at=at, start_at=min(mute.start_at, at))
            self._once = tuple(ended if one.id == name else one for one in self._once)
            await self._write(ended, at)
            return ended

    def _check(self, mute: Mute, at: float) -> None:
        if not any(mute.is_about(channel) for channel in self._channels):
            known = ", ".join(sorted(self._channels)[:10])
            raise BadField("channel", f"there is no channel {mute.channel[:60]!r}", f"known: {known}")
        if not mute.start_at < mute.end_at or mute.end_at <= at or mute.end_at - at > LASTS_MAX_S:
            hint = f"it begins before it ends, and ends within {LASTS_MAX_S / 86_400:.0f} days"
            raise BadField("end_at", "makes no sense here", hint)

    async def _write(self, mute: Mute, at: float) -> None:
        await self._records.append([Record(kind=MUTE, id=mute.id, at=at, body=_FORM.dump_json(mute))])


class Mutable(Protocol):
    def warm(self, series: Sequence[Series]) -> None: ...

    def update(self, series: Sequence[Series]) -> tuple[Anomaly, ...]: ...

    def mute(self, mutes: Sequence[Mute]) -> None: ...


class MutedDetection:
    """The detection stage, told before every look what holds for the windows that it will look at."""

    def __init__(self, detect: Mutable, mutes: Mutes) -> None:
        self._detect, self._mutes = detect, mutes

    def warm(self, series: Sequence[Series]) -> None:
        self._detect.warm(series)

    def update(self, series: Sequence[Series]) -> tuple[Anomaly, ...]:
        newest = max((one.end_at - one.step_s for one in series), default=0.0)
        self._detect.mute(self._mutes.holding(newest))
        return self._detect.update(series)


def _read(record: Record) -> Mute | None:
    """None for what another version has written."""
    try:
        return _FORM.validate_json(record.body)
    except ValidationError:
        return None

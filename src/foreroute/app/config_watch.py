"""A configuration that may change while the gateway runs: by its file, by SIGHUP, or when the API asks for it."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from foreroute.core.errors import ForerouteError
from foreroute.core.ports import Clock
from foreroute.monitor.export import Gauge
from foreroute.settings.load import load_settings
from foreroute.settings.model import Settings

_log: Final = logging.getLogger("foreroute.config")
_LOOK_EVERY_S: Final = 1.0
_FIXED: Final = (
    ("gateway", "host"),
    ("gateway", "port"),
    ("gateway", "workers"),
    ("gateway", "probe"),
    ("store",),
    ("shared",),
    ("log",),
)
"""What only a restart can change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSource:
    """Where the configuration comes from. `adapt` puts in what the command line said."""

    path: Path
    adapt: Callable[[Settings], Settings] = lambda settings: settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadResult:
    """What became of a reload. The last good configuration serves on after an error."""

    applied: bool
    message: str
    needs_restart: tuple[str, ...] = ()
    """Settings that have changed and take effect with the next start only."""


@dataclass(slots=True)
class ConfigWatch:
    """Lives on the gateway's event loop. `apply` puts a checked configuration in place; it may raise ForerouteError."""

    source: ConfigSource
    settings: Settings
    apply: Callable[[Settings], Awaitable[None]]
    clock: Clock
    digest: str = ""
    applied_at: float = 0.0
    last_ok: bool = True
    _marks: tuple[tuple[int, int], ...] = ()
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def begin(self) -> None:
        """The settings are those of the file as it is now."""
        self._marks = self._marks_now()
        self.digest, self.applied_at = _digest_of(self.source.path), self.clock.now()

    async def watch(self) -> None:
        """Reloads whenever the file has changed, or one that it names. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            marks = self._marks_now()
            if (
                marks != self._marks and (0, 0) not in marks
            ):  # a file that is being replaced may be gone for a moment
                await self.reload()

    async def check(self) -> ReloadResult:
        """What a reload would do, without doing it."""
        try:
            fresh = self.source.adapt(await asyncio.to_thread(load_settings, self.source.path))
        except ForerouteError as error:
            return ReloadResult(applied=False, message=str(error))
        kept, fixed = _with_fixed(fresh, self.settings)
        message = "nothing has changed" if kept == self.settings else "the new configuration is being applied"
        return ReloadResult(applied=True, message=message, needs_restart=fixed)

    async def reload(self) -> ReloadResult:
        """Reads, checks and applies. Never raises for what the file says."""
        async with self._one_at_a_time:
            before, self._marks = self._marks, self._marks_now()
            try:
                digest = _digest_of(self.source.path)
                fresh = self.source.adapt(await asyncio.to_thread(load_settings, self.source.path))
                kept, fixed = _with_fixed(fresh, self.settings)
                if kept != self.settings or before[1:] != self._marks[1:]:
                    await self.apply(kept)
            except ForerouteError as error:
                return self._refused(str(error))
            except Exception as error:  # noqa: BLE001 - the boundary of the watch
                # A defect of the check must not end the watch, nor the service.
                _log.exception("config_not_checked")
                return self._refused(f"it could not be checked: {type(error).__name__}: {error}")
            self.settings, self.digest, self.applied_at, self.last_ok = kept, digest, self.clock.now(), True
            _log.warning("config_applied", extra={"sha256": digest, "needs_restart": list(fixed)})
            return ReloadResult(applied=True, message=f"configuration {digest} serves", needs_restart=fixed)

    def _marks_now(self) -> tuple[tuple[int, int], ...]:
        """Of the configuration, then of files that it names and that are replaced while it stays."""
        database = self.settings.geo.database
        return tuple(_mark_of(path) for path in (self.source.path, *([] if database is None else [database])))

    def _refused(self, reason: str) -> ReloadResult:
        self.last_ok = False
        _log.error("config_refused", extra={"path": str(self.source.path), "error": reason})
        return ReloadResult(applied=False, message=reason)

    def gauges(self) -> Sequence[Gauge]:
        return (
            Gauge("foreroute_config_info", "The configuration that serves.", ("sha256",), self._info),
            Gauge(
                "foreroute_config_applied_timestamp_seconds",
                "When it was applied.",
                (),
                lambda: [((), self.applied_at)],
            ),
            Gauge(
                "foreroute_config_last_reload_successful",
                "0 while the file is one that was refused.",
                (),
                lambda: [((), float(self.last_ok))],
            ),
        )

    def _info(self) -> Iterable[tuple[Sequence[str], float]]:
        yield (self.digest,), 1.0


def _with_fixed(fresh: Settings, serving: Settings) -> tuple[Settings, tuple[str, ...]]:
    """The new settings with those kept that only a restart can change, and which of them differ."""
    changed = []
    for path in _FIXED:
        now, wanted = _get(serving, path), _get(fresh, path)
        if now == wanted:
            continue
        changed.append(".".join(path))
        if len(path) == 1:
            fresh = fresh.model_copy(update={path[0]: now})
        else:
            section = getattr(fresh, path[0]).model_copy(update={path[1]: now})
            fresh = fresh.model_copy(update={path[0]: section})
    return fresh, tuple(changed)


def _get(settings: object, path: tuple[str, ...]) -> object:
    for name in path:
        settings = getattr(settings, name)
    return settings


def _mark_of(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def _digest_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        return ""

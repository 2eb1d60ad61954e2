"""The machine: the store's file, the clock, and the ports."""

import os
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Final

import foreroute
from foreroute.app.checkup.finding import Finding, Verdict, failed, passed, warned
from foreroute.core.errors import StoreError
from foreroute.settings.cross import is_loopback
from foreroute.settings.model import Settings
from foreroute.store.sqlite_look import Looked, look

_FREE_BYTES_MIN: Final = 1_000_000_000
_AHEAD_S: Final = 120.0
_ANSWER_S: Final = 1.0


def check_store(settings: Settings) -> tuple[Finding, Looked | None]:
    """The database, and what it looks like where there is one already."""
    if settings.store.kind == "memory":
        return warned("database", "database.memory"), None
    path = settings.store.path
    if not path.parent.is_dir():
        return failed("database", "database.no_folder", folder=path.parent), None
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return failed("database", "database.not_writable", path=path), None
    if not path.exists():
        return passed("database", "database.new", path=path), None
    try:
        looked = look(path)
    except StoreError as error:
        return failed("database", "database.broken", error=error), None
    return _with_room(path, looked), looked


def _with_room(path: Path, looked: Looked) -> Finding:
    facts: dict[str, object] = {
        "path": path,
        "megabytes": f"{path.stat().st_size / 1e6:.1f}",
        "schema": looked.schema,
    }
    free = shutil.disk_usage(path.parent).free
    if free < _FREE_BYTES_MIN:
        return Finding(
            "database", Verdict.WARN, "database.little_room", facts | {"free": f"{free / 1e6:.0f}"}
        )
    return Finding("database", Verdict.PASS, "database.there", facts)


def check_clock(at: float, looked: Looked | None) -> Finding:
    """Forecasts and budgets live by it. `at`: what it says now."""
    installed_at = Path(foreroute.__file__).stat().st_mtime
    if at < installed_at - _AHEAD_S:
        return failed("clock", "clock.before_install")
    newest = None if looked is None else looked.newest_at
    if newest is not None and newest > at + _AHEAD_S:
        return failed("clock", "clock.behind_store", seconds=f"{newest - at:.0f}")
    return passed("clock", "clock.good")


def check_ports(settings: Settings) -> Iterator[Finding]:
    gateway, dashboard = settings.gateway, settings.dashboard
    yield _port("gateway.port", gateway.host, gateway.port, "/health/liveness")
    if dashboard.enabled:
        yield _port("dashboard.port", dashboard.host, dashboard.port, "/api/status")


def _port(key: str, host: str, port: int, path: str) -> Finding:
    if port == 0:
        return passed("port", "port.any", of=key)
    place = f"{host}:{port}"
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind((host, port))
    except OSError as error:
        if is_loopback(host) and _answers(f"http://{place}{path}"):
            return passed("port", "port.ours", of=key, place=place)
        return failed("port", "port.taken", of=key, place=place, error=error.strerror or error, key=key)
    return passed("port", "port.free", of=key, place=place)


def _answers(url: str) -> bool:
    """Whether somebody speaks there as we would: well, or by asking for a key."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_ANSWER_S) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 401
    except (OSError, HTTPException, ValueError):
        return False

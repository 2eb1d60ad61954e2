"""Shared by all tests: hypothesis is derandomised, so that a red run can be repeated."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.influx_house import INFLUXD, VICTORIA, Server, Victoria

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


ROOT = Path(__file__).parents[1]
SERVICES = {
    "chromium": "/usr/bin/chromium",
    "llama-index": str(ROOT / ".clients/llama-index/.installed"),
    "adapters": str(ROOT / ".clients/adapters/.installed"),
    "influxdb": INFLUXD,
    "victoria-metrics": VICTORIA,
    "ray": str(ROOT / ".clients/ray/.installed"),
    "models": str(ROOT / ".clients/models/.installed"),
    "postgres": "/usr/lib/postgresql/15/bin/postgres",
    "redis": "/usr/bin/redis-server",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests of a service that is not installed, or fails them where skipping is not allowed."""
    required = os.environ.get("FOREROUTE_REQUIRE_SERVICES") == "1"
    for item in items:
        for mark in item.iter_markers("service"):
            proof = SERVICES[mark.args[0]]
            if not Path(proof).exists() and not required:
                item.add_marker(pytest.mark.skip(reason=f"{mark.args[0]} is not installed ({proof})"))


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A verb that is tested in this process sets the logs up; the next test must find them as it expects them."""
    root = logging.getLogger("foreroute")
    handlers, level, propagate = root.handlers[:], root.level, root.propagate
    yield
    root.handlers[:], root.propagate = handlers, propagate
    root.setLevel(level)


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests that leave it running: each takes a database of its own."""
    server = Server(tmp_path_factory.mktemp("influxdb"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    server = Victoria(tmp_path_factory.mktemp("victoria-metrics"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the locale of whoever runs the tests."""
    monkeypatch.setenv("FOREROUTE_LANG", "en")

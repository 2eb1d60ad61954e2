"""What gateways share, from the settings to what people see of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from foreroute.alerts.evidence import Evidence
from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.signals import signals_of
from foreroute.alerts.values import Severity, Source
from foreroute.app.shared import open_shared_state, shared_gauges, together
from foreroute.clock import SystemClock
from foreroute.core.accounts import SharedHealth
from foreroute.core.errors import ConfigError, MissingExtra
from foreroute.settings.load import parse_settings
from foreroute.settings.model import Settings

LOST = SharedHealth(
    is_up=False, since_at=5.0, problem="it is gone", replicas=3, due=2, falls=1, degraded=7, without="refused"
)


def settings(redis: Mapping[str, Any] | None) -> Settings:
    channel = {"id": "one", "provider": "openai", "region": "here", "model": "m", "base_url": "http://h/v1"}
    document = {
        "channels": [channel],
        "routes": [{"model": "chat", "targets": [{"channel": "one"}]}],
        "shared": {} if redis is None else {"redis": redis},
    }
    return parse_settings(json.dumps(document).encode(), name="test", environment={})


def test_without_a_server_nothing_is_shared() -> None:
    assert open_shared_state(settings(None), SystemClock()) is None


@pytest.mark.parametrize(
    ("redis", "said"),
    [
        ({}, "exactly one of url and url_file"),
        ({"url": "redis://a", "url_file": "b"}, "exactly one of url and url_file"),
        ({"url": "http://secret@host"}, "redis://HOST:PORT/0"),
        ({"url": "redis://a", "timeout": "10s"}, "timeout"),
    ],
)
def test_a_mistake_is_named_and_no_secret_shown(redis: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(redis)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("text", "said"), [(None, "cannot be read"), ("http://x", "no address of a Redis")])
def test_a_file_without_an_address_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "url"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        open_shared_state(settings({"url_file": str(path)}), SystemClock())


def test_a_missing_client_names_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "redis.asyncio", None)
    with pytest.raises(MissingExtra, match=r"pip install 'foreroute\[redis\]'"):
        open_shared_state(settings({"url": "redis://127.0.0.1:1/0"}), SystemClock())


@pytest.mark.parametrize("is_blind", [False, True])
def test_its_loss_is_an_alert_also_when_the_loop_is_silent(is_blind: bool) -> None:
    evidence = Evidence(at=10.0, tick_s=60.0, shared=LOST, is_blind=is_blind)
    (signal,) = [one for one in signals_of(evidence, AlertSettings()) if one.source is Source.SHARED]
    assert (signal.since_at, signal.floor) == (5.0, Severity.CRITICAL)
    assert "it is gone" in signal.summary
    assert "refused" in signal.summary


def test_no_alert_while_it_is_up() -> None:
    up = Evidence(at=10.0, tick_s=60.0, shared=SharedHealth(is_up=True, since_at=1.0))
    assert not [one for one in signals_of(up, AlertSettings()) if one.source is Source.SHARED]


def test_metrics_say_how_it_is() -> None:
    found = {gauge.name: [value for _, value in gauge.read()] for gauge in shared_gauges(lambda: LOST)}
    assert found == {
        "foreroute_shared_up": [0.0],
        "foreroute_shared_replicas": [3.0],
        "foreroute_shared_due": [2.0],
        "foreroute_shared_falls": [1.0],
        "foreroute_shared_degraded": [7.0],
    }
    assert all(type(value) is float for values in found.values() for value in values)
    assert all(list(gauge.read()) == [] for gauge in shared_gauges(lambda: None))


def test_of_several_processes_the_worst_is_shown() -> None:
    up = SharedHealth(is_up=True, since_at=1.0, replicas=2, due=1, degraded=1)
    both = together([up, None, LOST])
    assert both is not None
    assert (both.is_up, both.problem, both.replicas, both.due, both.degraded) == (
        False,
        "it is gone",
        3,
        3,
        8,
    )
    assert together([None]) is None

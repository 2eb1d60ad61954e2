"""Alerts on the page: a real service whose only channel is dead, and users who go on asking."""

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.visit import PATIENCE_MS, Visit, api

pytestmark = pytest.mark.service("chromium")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard's address."""
    folder = tmp_path_factory.mktemp("alerts")
    config = folder / "foreroute.yaml"
    config.write_text(json.dumps(document(folder / "store.db")))
    command = [sys.executable, "-m", "foreroute", "serve", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        over = threading.Event()
        try:
            found = addresses(service)
            users = threading.Thread(target=ask, args=(found["base URL"], over))
            users.start()
            yield found["dashboard"]
            over.set()
            users.join()
        finally:
            over.set()
            service.send_signal(signal.SIGINT)
            service.communicate(timeout=30)


def document(store: Path) -> dict[str, Any]:
    return {
        "gateway": {"port": 0},
        "dashboard": {"port": 0},
        "store": {"path": str(store)},
        "loop": {"tick": "1s", "observe": "5s", "fit_workers": 0},
        "channels": [
            {
                "id": "dead",
                "provider": "openai",
                "region": "us",
                "model": "m",
                "base_url": "http://127.0.0.1:1/v1",
            }
        ],
        "routes": [{"model": "chat", "targets": [{"channel": "dead"}]}],
    }


def addresses(service: "subprocess.Popen[str]") -> dict[str, str]:
    found: dict[str, str] = {}
    said = ""
    assert service.stderr is not None
    for line in service.stderr:
        said += line
        if match := re.search(r"(base URL|dashboard)\s+(http://\S+)", line):
            found[match[1]] = match[2]
        if len(found) == 2:
            return found
    pytest.fail(f"the service ended early: {said}")


def ask(url: str, over: threading.Event) -> None:
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "Hello?"}]}).encode()
    while not over.wait(0.05):
        request = urllib.request.Request(
            f"{url}/chat/completions", body, {"content-type": "application/json"}
        )
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except (urllib.error.URLError, TimeoutError):
            continue


def the_alert(page: Page) -> Any:
    """The row of an alert that fires, and goes on as long as the channel is dead."""
    firing = page.locator("#alerts li.is-firing").first
    expect(firing).to_be_visible(timeout=PATIENCE_MS)
    name = firing.get_attribute("data-alert")
    row = page.locator(f"#alerts li[data-alert='{name}']")
    expect(row).to_be_visible()
    return row


def test_an_alert_says_what_since_when_and_how_bad(visit: Visit) -> None:
    row = the_alert(visit.page)
    expect(row).to_contain_text(re.compile(r"for \d.*(affected|requests/min)"))
    expect(row.locator("time")).to_have_text(re.compile(r"\d\d:\d\d"))
    expect(visit.page.locator("#alerts")).to_contain_text("No receiver is configured")


def test_an_alert_is_acknowledged_by_a_click_and_back(visit: Visit) -> None:
    row = the_alert(visit.page)
    row.get_by_role("button", name="Acknowledge").click()
    expect(visit.page.locator("#answer")).to_contain_text("Acknowledged")
    expect(row).to_have_class(re.compile("is-acknowledged"))
    row.get_by_role("button", name="Not on it any more").click()
    expect(row).to_have_class(re.compile("is-firing"))


def test_an_alert_is_silenced_by_a_click_and_the_silence_ended(visit: Visit) -> None:
    row = the_alert(visit.page)
    row.get_by_role("button", name="Silence 1 h").click()
    expect(row).to_have_class(re.compile("is-silenced"))
    expect(visit.page.locator("#alerts .silence")).to_contain_text("Silenced until")
    visit.page.locator("#alerts .silence").get_by_role("button", name="End silence").click()
    expect(visit.page.locator("#alerts .silence")).to_have_count(0)
    assert [one["state"] for one in api(visit.page, "/api/silences")["silences"]] == ["ended"]


def test_an_alert_takes_feedback_and_the_same_word_again_takes_it_back(visit: Visit) -> None:
    row = the_alert(visit.page)
    noise = row.get_by_role("button", name="Noise")
    noise.click()
    expect(noise).to_have_attribute("aria-pressed", "true")
    expect(row).to_contain_text("threshold × 1.30")
    noise.click()
    expect(noise).to_have_attribute("aria-pressed", "false")

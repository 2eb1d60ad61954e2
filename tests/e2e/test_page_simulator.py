"""The simulator's page in a real browser: a story is chosen, watched, disturbed and ended."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.visit import PATIENCE_MS

pytestmark = pytest.mark.service("chromium")
CHANNEL = {"id": "a", "provider": "openai", "region": "us", "model": "m", "base_url": "http://127.0.0.1:1/v1"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    config: Path = tmp_path_factory.mktemp("simulator") / "foreroute.yaml"
    document = {
        "gateway": {"port": 0},
        "dashboard": {"port": 0},
        "store": {"kind": "memory"},
        "channels": [CHANNEL],
        "routes": [{"model": "chat", "targets": [{"channel": "a"}]}],
    }
    config.write_text(json.dumps(document))
    command = [sys.executable, "-m", "foreroute", "serve", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        try:
            line = next(line for line in service.stderr if "dashboard" in line)
            found = re.search(r"http://\S+", line)
            assert found is not None
            yield found[0]
        finally:
            service.send_signal(signal.SIGINT)
            service.communicate(timeout=30)


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    problems: list[str] = []
    asked: set[str] = set()
    page = context.new_page()
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    page.goto(f"{url}/simulator.html")
    yield page
    context.close()
    assert problems == []
    assert asked == {url.split("/")[2]}, "nothing of elsewhere"


def test_a_story_is_watched_and_disturbed(page: Page) -> None:
    expect(page.locator("#headline")).to_contain_text("Choose a story")
    page.locator("#scenario").select_option("region-loss")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#channels tr.row")).to_have_count(20, timeout=PATIENCE_MS)
    page.locator("#speed").get_by_text("max").click()
    page.locator("#fault").select_option("hollow")
    page.locator("#where").select_option("provider=azure")
    page.get_by_role("button", name="Let it happen").click()
    expect(page.locator("#course .note")).to_contain_text("hollow answers: azure")
    expect(page.locator("#subline")).to_contain_text("The story is over", timeout=3 * PATIENCE_MS)
    assert "NaN" not in page.content()

    page.locator("#lang").click()
    expect(page.locator("#subline")).to_contain_text("이야기가 끝났습니다")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#lang").click()
    page.get_by_role("button", name="End it").click()
    expect(page.locator("#headline")).to_contain_text("Choose a story")


def test_both_languages_say_the_same(page: Page) -> None:
    texts = "Promise.all([import('/text-simulator-en.js'), import('/text-simulator-ko.js')])"
    english, korean = page.evaluate(f"{texts}.then(([en, ko]) => [en.EN, ko.KO])")
    assert english.keys() == korean.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", korean[key])), key

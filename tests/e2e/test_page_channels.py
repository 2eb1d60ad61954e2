"""The page of channels in a real browser, on a running demo: search, one channel by its address, keys, two languages."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.visit import Visit

pytestmark = [pytest.mark.service("chromium"), pytest.mark.slow]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [
        sys.executable,
        "-m",
        "foreroute",
        "demo",
        "--port",
        "0",
        "--dashboard-port",
        "0",
        "--seed",
        "3",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stderr is not None
            for line in demo.stderr:
                if found := re.search(r"dashboard\s+(http://\S+)", line):
                    yield f"{found.group(1).rstrip('/')}/channels.html"
                    break
            else:
                pytest.fail("the demo ended before it said where its dashboard is")
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=30)


def test_the_search_finds_channels_by_where_they_are(visit: Visit) -> None:
    page = visit.page
    expect(page.locator("#channels tr.row")).to_have_count(6)
    expect(page.locator("#headline")).to_contain_text("6 channels")
    page.keyboard.press("/")
    page.keyboard.type("gcp us")
    expect(page.locator("#channels tr.row")).to_have_count(1)
    expect(page.locator("#channels tr.row")).to_have_attribute("data-channel", "gcp-us-east")
    expect(page.locator("#found")).to_have_text("1 of 6 shown")
    page.locator("#search").fill("nowhere")
    expect(page.locator("#channels")).to_contain_text("No channel matches “nowhere”")
    page.locator("#search").fill("")
    expect(page.locator("#channels tr.row")).to_have_count(6)


def test_the_address_names_the_channel_and_back_goes_back(visit: Visit) -> None:
    page = visit.page
    page.locator("tr.row[data-channel=local-gpu] button").click()
    expect(page.locator("#detail h2")).to_have_text("local-gpu")
    assert page.evaluate("location.hash") == "#local-gpu"
    page.locator("tr.row[data-channel=aws-us-east] button").click()
    expect(page.locator("#detail h2")).to_have_text("aws-us-east")
    page.go_back()
    expect(page.locator("#detail h2")).to_have_text("local-gpu")
    page.reload()
    expect(page.locator("#detail h2")).to_have_text("local-gpu")
    expect(page.locator("#detail")).to_contain_text("Why its share is")
    page.goto(f"{visit.url}#gone")
    expect(page.locator("#subline")).to_contain_text("There is no channel gone")
    expect(page.locator("#detail")).to_be_hidden()


def test_keys_walk_through_what_is_shown(visit: Visit) -> None:
    page = visit.page
    page.locator("#search").fill("us-east")
    expect(page.locator("#channels tr.row")).to_have_count(4)  # three clouds and the machine of our own
    page.locator("#channels tr.row button").first.click()
    page.keyboard.press("j")
    expect(page.locator("#channels tr.row").nth(1).locator("button")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.locator("#hot").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#hot")).to_have_attribute("aria-valuenow", "-1")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "ko-KR"])
def test_nothing_sticks_out_in_either_language(browser: Browser, url: str, theme: str, locale: str) -> None:
    for width in (390, 820, 1440):
        visit = Visit(
            browser, url, viewport={"width": width, "height": 900}, color_scheme=theme, locale=locale
        )
        expect(visit.page.locator("#detail .fac")).to_be_visible()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        if locale == "ko-KR":
            texts = visit.page.locator("h1, h3, .note, .grp th, .find label").all_inner_texts()
            assert [text for text in texts if text.strip() and not re.search("[가-힣]", text)] == []
        visit.context.close()
        assert visit.problems == []

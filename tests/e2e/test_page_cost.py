"""The cost page in a real browser, on a running demo: divisions that add up, periods, languages, a small screen."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.visit import PATIENCE_MS, api

pytestmark = pytest.mark.service("chromium")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "foreroute", "demo", "--port", "0", "--dashboard-port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stderr is not None
            for line in demo.stderr:
                if found := re.search(r"dashboard\s+(http://\S+)", line):
                    yield f"{found[1]}/cost.html"
                    break
            else:
                pytest.fail("the demo ended early")
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=30)


@pytest.fixture
def opened(browser: Browser, url: str) -> Iterator[Any]:
    problems: list[str] = []
    contexts = []

    def open_page(**context: Any) -> Page:
        made = browser.new_context(
            **({"viewport": {"width": 1440, "height": 1000}, "locale": "en-GB"} | context)
        )
        made.set_default_timeout(PATIENCE_MS)
        contexts.append(made)
        page = made.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(url)
        page.wait_for_selector("#burn svg")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def test_every_division_adds_up_and_can_be_chosen(opened):
    page = opened()
    report = api(page, "/api/cost/report?period=month")
    for lines in report["by"].values():
        assert sum(Decimal(line["usd"]) for line in lines) == Decimal(report["total"]["usd"])
    for by in ("provider", "kind", "route", "day"):
        page.locator("#spend select").select_option(by)
        expect(page.locator("#spend tr.sum")).to_be_visible()
        assert page.locator("#spend tbody tr").count() == len(report["by"][by]) + 1


def test_the_frontier_names_what_beats_a_channel_and_the_optimum_is_shown(opened):
    page = opened()
    expect(page.locator("#frontier svg circle").first).to_be_visible()
    (route,) = api(page, "/api/cost/frontier")["routes"]
    beaten = [one for one in route["channels"] if one["dominated_by"]]
    for one in beaten:
        row = page.locator("#frontier tbody tr", has_text=one["channel"]).first
        expect(row).to_be_visible()
    expect(page.locator("#optimum .big")).to_be_visible()
    expect(page.locator("#budgets tbody tr")).to_have_count(1)


def test_a_dot_of_the_frontier_is_picked_with_its_row_and_the_report_comes_as_files(opened):
    page = opened()
    dot = page.locator("#frontier svg circle").last
    name = dot.get_attribute("data-channel")
    dot.click()
    expect(page.locator("#frontier tr.picked")).to_contain_text(str(name))
    page.locator("#frontier tr.picked").click()
    expect(page.locator("#frontier tr.picked")).to_have_count(0)
    for kind, head in (("CSV", "period_start,"), ("FOCUS", "AvailabilityZone,")):
        with page.expect_download() as found:
            page.locator("#spend button", has_text=kind).click()
        assert found.value.suggested_filename.startswith("spend-")
        assert found.value.path().read_text().startswith(head)


def test_the_budget_of_the_period_is_in_the_chart(opened):
    page = opened()
    expect(page.locator("#burn figure svg")).to_contain_text("monthly $")
    page.locator("#period label", has_text="Day").click()
    expect(page.locator("#headline")).to_contain_text("Today")
    expect(page.locator("#burn figure svg")).not_to_contain_text("monthly")


def test_periods_and_languages_change_in_place(opened):
    page = opened()
    page.locator("#period label", has_text="Day").click()
    expect(page.locator("#headline")).to_contain_text("Today")
    page.locator("#lang").click()
    expect(page.locator("#headline")).to_contain_text("오늘")
    page.locator("#theme").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_a_small_screen_does_not_scroll_sideways(opened):
    page = opened(viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

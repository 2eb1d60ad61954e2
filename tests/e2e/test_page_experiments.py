"""The page of experiments in a real browser: what it says, what its buttons do, in two languages and on a phone."""

import asyncio
import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from tests.e2e.visit import PATIENCE_MS, api
from tests.experiment_house import ExperimentHouse, Traffic, definition

from foreroute import dashboard
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.dashboard.experiments import experiment_routes
from foreroute.serving import serve_asgi

pytestmark = pytest.mark.service("chromium")
STATIC = f"{dashboard.__path__[0]}/static"


async def prepared() -> ExperimentHouse:
    house = ExperimentHouse(
        definition(note="Does b answer sooner?", guardrails=[{"measure": "failures", "worse_max": 1.0}]),
        definition(id="guarded", guardrails=[{"measure": "failures", "worse_max": 0.2}]),
        definition(
            id="later",
            layer="alone",
            arms=[{"name": "x"}, {"name": "y", "hedge_after": "2s"}, {"name": "z", "attempts_max": 1}],
        ),
    )
    await house.desk.start(house.at)
    await house.operator.begin("guarded")
    await house.serve(7200.0, Traffic(failing={"b": 0.2}))
    await house.operator.begin("faster")
    await house.serve(7200.0, Traffic(factor={"b": 0.7}))
    return house


@pytest.fixture
def url() -> Iterator[str]:
    ready, told = threading.Event(), list[str]()
    loop, over = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        house = await prepared()
        routes = [*experiment_routes(house.sources()), Mount("/", StaticFiles(directory=STATIC, html=True))]
        app = Starlette(routes=routes, exception_handlers={HTTPException: refused})
        async with await serve_asgi(Door(app), "127.0.0.1", 0) as server:
            told.append(server.url)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(60.0)
    yield told[0]
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


class Look:
    """A page with a note of all that goes wrong on it."""

    def __init__(self, browser: Browser, url: str, **context: object) -> None:
        options = {"viewport": {"width": 1440, "height": 1000}, "locale": "en-GB"} | context
        self.context = browser.new_context(**options)  # type: ignore[arg-type]
        self.context.set_default_timeout(PATIENCE_MS)
        self.problems: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda m: self.problems.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.goto(f"{url}/experiments.html")
        self.page.wait_for_selector("#effects svg")

    def close(self) -> None:
        self.context.close()
        assert self.problems == []


def test_it_says_what_was_found_and_promotes_with_one_click(browser: Browser, url: str) -> None:
    look = Look(browser, url)
    page = look.page
    expect(page.locator("#headline")).to_contain_text("1 running.")
    expect(page.locator("#effects .verdict")).to_contain_text("b is better than control: latency −2")
    expect(page.locator("#effects svg[role=img]").first).to_have_attribute(
        "aria-label", re.compile("b: latency −.* against control")
    )
    expect(page.locator("#rest")).to_contain_text("holds")
    page.locator("#acts button", has_text="Promote b").click()
    expect(page.locator("#effects")).to_contain_text("b serves everybody")
    expect(page.locator("#effects pre")).to_contain_text("{channel: b, weight: 1}")
    assert api(page, "/api/experiments/faster")["run"]["state"] == "promoted"
    page.locator("#acts button", has_text="Take the promotion back").click()
    expect(page.locator("#answer")).to_contain_text("taken back")
    assert api(page, "/api/experiments/faster")["run"]["state"] == "stopped"
    look.close()


def test_a_run_that_a_guardrail_stopped_says_so(browser: Browser, url: str) -> None:
    look = Look(browser, url)
    page = look.page
    page.locator("#list button", has_text="guarded.1").click()
    expect(page.locator("#effects")).to_contain_text("stopped by a guardrail")
    expect(page.locator("#effects")).to_contain_text("guardrail on failures, b is worse than control")
    expect(page.locator("#rest")).to_contain_text("broken")
    assert page.evaluate("location.hash") == "#guarded.1"
    look.close()


def test_what_has_not_run_says_how_much_it_needs_and_starts(browser: Browser, url: str) -> None:
    look = Look(browser, url)
    page = look.page
    page.locator("#list button", has_text="later").click()
    expect(page.locator("#effects .verdict")).to_contain_text("requests an arm")
    page.locator("#acts button", has_text="Start").click()
    expect(page.locator("#answer")).to_contain_text("later.1 runs.")
    expect(page.locator("#list")).to_contain_text("later.1")
    look.close()


def test_what_everybody_would_feel_asks_again(browser: Browser, url: str) -> None:
    look = Look(browser, url)
    page = look.page
    page.locator("#acts button", has_text="Stop").click()
    expect(page.locator("#acts")).to_contain_text("Really? Click again")
    assert api(page, "/api/experiments/faster")["run"]["state"] == "running"
    page.locator("#acts button.armed").click()
    expect(page.locator("#effects")).to_contain_text("stopped by an operator")
    look.close()


def test_it_speaks_korean_throughout(browser: Browser, url: str) -> None:
    look = Look(browser, url, locale="ko-KR")
    page = look.page
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    texts = page.locator("h1, h2, h3, thead th, .verdict, .note, .chip, .btn").all_inner_texts()
    plain = [text for text in texts if text.strip() and not re.search("[가-힣]", text)]
    assert [text for text in plain if text != "Does b answer sooner?"] == []
    pair = "Promise.all([import('/text-experiments-en.js'), import('/text-experiments-ko.js')])"
    pick = "([{EN}, {KO}]) => [EN, KO].map(texts => Object.entries(texts).map(([k, v]) => [k, v.match(/\\{\\w+\\}/g)?.sort()]))"
    english, korean = (dict(entries) for entries in page.evaluate(f"{pair}.then({pick})"))
    assert english.keys() == korean.keys()
    assert english == korean
    look.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_sticks_out(browser: Browser, url: str, theme: str) -> None:
    for width in (390, 820, 1440):
        look = Look(browser, url, viewport={"width": width, "height": 900}, color_scheme=theme)
        assert look.page.evaluate("document.documentElement.scrollWidth") <= width
        look.close()

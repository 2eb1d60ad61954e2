"""The page of incidents in a real browser: its story, its buttons, in two languages, both themes and on a phone."""

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
from tests.incident_house import IncidentHouse, closed_slow, foreseen

from foreroute import dashboard
from foreroute.core.incident import ForecastOutcome
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.dashboard.incidents import incident_routes
from foreroute.dashboard.playbooks import playbook_routes
from foreroute.serving import serve_asgi

pytestmark = pytest.mark.service("chromium")
STATIC = f"{dashboard.__path__[0]}/static"


def serving(until_s: float, *, asks: bool = False) -> Iterator[str]:
    ready, told = threading.Event(), list[str]()
    loop, over = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        house = IncidentHouse(asks=asks)
        at = house.scenario.start_at
        await house.start(
            foreseen(at - 86_400.0),
            foreseen(at - 50_000.0, ForecastOutcome.UNGRADABLE),
            closed_slow(at - 2 * 86_400.0),
        )
        await house.until(until_s)
        routes = [
            *incident_routes(house.sources()),
            *playbook_routes(house.playbooks),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: refused})
        async with await serve_asgi(Door(app), "127.0.0.1", 0) as server:
            told.append(server.url)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(300.0)
    yield told[0]
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def over() -> Iterator[str]:
    """The region is back, and was seen to be well."""
    yield from serving(2700.0)


@pytest.fixture
def under_way() -> Iterator[str]:
    yield from serving(180.0)


@pytest.fixture
def asking() -> Iterator[str]:
    """Playbooks that wait for a yes."""
    yield from serving(180.0, asks=True)


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
        self.page.goto(url)
        self.page.wait_for_selector("#story .phases")

    def close(self) -> None:
        self.context.close()
        assert self.problems == []


def test_it_tells_a_lost_region_as_one_story(browser: Browser, over: str) -> None:
    look = Look(browser, f"{over}/incidents.html")
    page = look.page
    page.locator("#list button", has_text="region us-east-1").click()
    expect(page.locator("#story h2")).to_contain_text("region us-east-1: connection timeouts")
    expect(page.locator("#story .phases li.done")).to_have_count(4)
    expect(page.locator("#story svg[role=img]")).to_have_attribute(
        "aria-label", re.compile("region us-east-1.* the share fell from")
    )
    expect(page.locator("#cause")).to_contain_text("azure-us-east-a")
    expect(page.locator("#cause")).to_contain_text("connecting took too long")
    expect(page.locator("#done")).to_contain_text("answered by another channel")
    expect(page.locator("#felt")).to_contain_text("Users recovered")
    expect(page.locator("#headline")).to_contain_text("Nothing is wrong now")
    look.close()


def test_a_link_leads_to_one_incident_and_back_goes_back(browser: Browser, over: str) -> None:
    look = Look(browser, f"{over}/incidents.html#i20260301-prevente")
    page = look.page
    expect(page.locator("#story")).to_contain_text("Prevented. The channel did get into trouble")
    page.locator("#list button", has_text="cannot be graded").click()
    expect(page.locator("#story")).to_contain_text("Cannot be graded.")
    assert page.evaluate("location.hash") == "#i20260301-ungradab"
    page.go_back()
    expect(page.locator("#story")).to_contain_text("Prevented. The channel did get into trouble")
    look.close()


def test_a_link_to_what_is_gone_says_so(browser: Browser, over: str) -> None:
    look = Look(browser, f"{over}/incidents.html")
    look.page.goto(f"{over}/incidents.html#i19990101-nowhere")
    expect(look.page.locator("#subline")).to_contain_text("There is no such incident")
    assert all("404" in problem for problem in look.problems)
    look.context.close()


def test_what_is_open_can_be_noted_on_undone_and_closed(browser: Browser, under_way: str) -> None:
    look = Look(browser, f"{under_way}/incidents.html")
    page = look.page
    expect(page.locator("#headline")).to_contain_text("region us-east-1: connection timeouts")
    expect(page.locator("#story .phases li.now, #story .phases li.none")).not_to_have_count(0)
    expect(page.locator("#undo button")).not_to_have_count(0)
    page.locator("#note").fill("the provider has confirmed it")
    page.locator("#noteform button").click()
    expect(page.locator("#notes-list")).to_contain_text("the provider has confirmed it")
    name = page.locator("#story code").first.inner_text()
    page.locator("#acts button", has_text="Close").click()
    assert api(page, f"/api/incidents/{name}")["incident"]["closed_at"] is None
    page.locator("#acts button.armed").click()
    expect(page.locator("#answer")).to_contain_text("Closed.")
    assert api(page, f"/api/incidents/{name}")["incident"]["closed_by"] == "an operator"
    look.close()


def test_it_tells_what_playbooks_did_and_what_was_measured(browser: Browser, over: str) -> None:
    look = Look(browser, f"{over}/incidents.html")
    page = look.page
    page.locator("#list button", has_text="region us-east-1").click()
    run = page.locator("#runs li", has_text="region-down").last
    fold = run.locator("button.fold")
    fold.focus()
    if fold.get_attribute("aria-expanded") == "false":
        page.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "true")
    expect(fold).to_be_focused()
    expect(run.locator("table.play-steps tbody tr").first).to_contain_text("eject, bounded")
    expect(run.locator("table.play-steps tbody tr").first).to_contain_text("lift the bound at once")
    expect(run).to_contain_text("peer_ok_rate >= 0.95")
    expect(run).to_contain_text(re.compile(r"\(peer_ok_rate \d"))
    assert run.locator("button.fold").get_attribute("aria-controls") == run.locator(".play").get_attribute(
        "id"
    )
    page.keyboard.press("Enter")
    expect(run.locator(".play")).to_have_count(0)
    look.close()


def test_a_run_waits_for_a_yes_and_can_be_undone(browser: Browser, asking: str) -> None:
    look = Look(browser, f"{asking}/incidents.html")
    page = look.page
    run = page.locator("#runs > .body > ol > li", has_text="waits for a yes").first
    name = run.locator("button.fold").get_attribute("data-fold")
    run = page.locator("#runs > .body > ol > li", has=page.locator(f"[data-fold='{name}']"))
    run.locator("button", has_text="Let it run").click()
    assert api(page, f"/api/playbook-runs/{name}")["run"]["state"] == "waiting", "one click is not enough"
    run.locator("button.armed").click()
    expect(page.locator("#answer")).to_contain_text("Your yes is on record.")
    expect(run.locator(".chip").first).to_have_text("being verified")
    run.locator("button", has_text="Undo this run").click()
    run.locator("button.armed").click()
    expect(page.locator("#answer")).to_contain_text("being undone")
    expect(run.locator(".chip").first).to_have_text("rolled back")
    expect(run.locator("button[data-answer]")).to_have_count(0)
    notes = api(page, f"/api/playbook-runs/{name}")["run"]["notes"]
    assert [one["what"] for one in notes if one["actor"] == "an operator"] == ["approved", "rolling back"]
    look.close()


def test_it_speaks_korean_throughout(browser: Browser, over: str) -> None:
    look = Look(browser, f"{over}/incidents.html", locale="ko-KR")
    page = look.page
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    texts = page.locator("h1, h2, h3, dt, .said, .chip, .btn, .phases p, .k").all_inner_texts()
    assert [text for text in texts if text.strip() and not re.search("[가-힣]", text)] == []
    pair = "Promise.all([import('/text-incidents-en.js'), import('/text-incidents-ko.js')])"
    pick = "([{EN}, {KO}]) => [EN, KO].map(texts => Object.entries(texts).map(([k, v]) => [k, v.match(/\\{\\w+\\}/g)?.sort()]))"
    english, korean = (dict(entries) for entries in page.evaluate(f"{pair}.then({pick})"))
    assert english.keys() == korean.keys()
    assert english == korean
    look.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_sticks_out(browser: Browser, over: str, theme: str) -> None:
    for width in (390, 820, 1440):
        look = Look(
            browser,
            f"{over}/incidents.html",
            viewport={"width": width, "height": 900},
            color_scheme=theme,
        )
        assert look.page.evaluate("document.documentElement.scrollWidth") <= width
        look.close()

"""The page of tuned limits in a real browser: what is in force and why, what was changed, and the way back."""

import asyncio
import re
import threading
from collections.abc import Iterator

import pytest
from bench.tune.arena import CHANNEL, Arena, World
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from tests.e2e.visit import PATIENCE_MS, api

from foreroute import dashboard
from foreroute.control.tuning import TuningDesk, TuningSettings
from foreroute.core.ids import RouteName
from foreroute.core.limits import Parameter
from foreroute.core.plan import CallPolicy, Route, RoutingPlan, Target, Timeouts
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.dashboard.tuning import tuning_routes
from foreroute.heal.tuning.rails import Rails
from foreroute.monitor.fold import merge_rollups
from foreroute.serving import serve_asgi
from foreroute.store.memory import MemoryStore

pytestmark = pytest.mark.service("chromium")
STATIC = f"{dashboard.__path__[0]}/static"
CHAT = RouteName("chat")
POLICY = CallPolicy(timeouts=Timeouts(first_chunk_s=6.0))
RAILS = Rails(
    parameters=frozenset({Parameter.FIRST_CHUNK}),
    canary_s_min=180.0,
    canary_samples_min=30,
    tighten_every_s=120.0,
    young_samples_min=600,
)


class Now:
    def __init__(self, at: float) -> None:
        self._at = at

    def now(self) -> float:
        return self._at

    async def sleep_until(self, at: float) -> None: ...


def desk() -> tuple[TuningDesk, float]:
    """An hour of a real tuner: steps that were tried and kept, and what it wants next."""
    arena = Arena(World(per_minute=60), rails=RAILS, policy=POLICY).run(60)
    route = Route(name=CHAT, targets=(Target(channel=CHANNEL, weight=1.0, policy=POLICY),))
    plan = RoutingPlan(version=0, made_at=0.0, valid_until=0.0, routes={CHAT: route})
    made = TuningDesk(arena.tuner, TuningSettings(), plan)
    made.history.extend(arena.changes)
    assert arena.last is not None
    made.views = arena.last.views
    return made, arena.changes[-1].at + 60.0


@pytest.fixture
def tuned() -> Iterator[str]:
    ready, told = threading.Event(), list[str]()
    loop, over = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        made, at = desk()
        store = MemoryStore(merge_rollups)
        routes = [
            *tuning_routes(made, store.records, Now(at)),
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
    yield f"{told[0]}/tuning.html"
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


def test_it_says_what_changed_why_and_what_the_trial_showed_and_takes_it_back(
    browser: Browser, tuned: str
) -> None:
    page = browser.new_context(locale="en-GB").new_page()
    page.set_default_timeout(PATIENCE_MS)
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(tuned)
    limit = page.locator(".limit", has_text="first chunk")
    expect(limit).to_contain_text("configured 6 s")
    expect(limit).to_contain_text("Evidence:")
    kept = page.locator("table.changes tbody tr", has_text="kept").first
    expect(kept).to_contain_text(re.compile(r"\d s .*→ \d(\.\d+)? s"))
    expect(kept).to_contain_text("went badly, against")
    expect(kept).to_contain_text("tuner")
    back = limit.locator("button", has_text="As configured")
    back.focus()
    page.keyboard.press("Enter")
    assert api(page, "/api/tuning")["parameters"][0]["tuned"], "one press is not enough"
    page.keyboard.press("Enter")
    expect(page.locator("#answer")).to_contain_text("as configured again")
    expect(page.locator("table.changes tbody tr").first).to_contain_text("reset")
    assert not api(page, "/api/tuning")["parameters"][0]["tuned"]
    assert problems == []
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "ko-KR"])
def test_nothing_sticks_out_in_either_language(browser: Browser, tuned: str, theme: str, locale: str) -> None:
    for width in (390, 820, 1440):
        context = browser.new_context(
            locale=locale,
            color_scheme=theme,  # type: ignore[arg-type]  # one of two words
            viewport={"width": width, "height": 900},
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(tuned)
        expect(page.locator("table.changes")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if locale == "ko-KR":
            texts = page.locator("h1, h2, .chip, .btn, .tbl th").all_inner_texts()
            assert [one for one in texts if one.strip() and not re.search("[가-힣]", one)] == []
        context.close()

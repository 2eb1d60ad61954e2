"""The dashboard in a real browser, on a running demo: what a person sees, clicks and types."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.visit import PATIENCE_MS, Visit, api

pytestmark = [pytest.mark.service("chromium"), pytest.mark.slow]

SIX = ["aws-us-east", "azure-eu-west", "azure-us-east", "gcp-eu-west", "gcp-us-east", "local-gpu"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A demo whose first story has been told: a forecast has moved traffic and a playbook has run."""
    command = [sys.executable, "-m", "foreroute", "demo", "--port", "0", "--dashboard-port", "0"]
    with subprocess.Popen(
        [*command, "--seed", "3", "--speed", "240"], stderr=subprocess.PIPE, text=True
    ) as demo:
        try:
            said = ""
            assert demo.stderr is not None
            for line in demo.stderr:
                said += line
                if found := re.search(r"dashboard\s+(http://\S+)", line):
                    address = found.group(1)
                if re.search(r"minute.*remedy:", line):
                    break
            else:
                pytest.fail(f"the demo ended early: {said}")
            yield address
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=30)


def test_the_first_screen_says_what_matters(visit: Visit) -> None:
    page = visit.page
    assert sorted(visit.ids()) == SIX
    headline = page.locator("#headline").inner_text()
    assert len(headline.split()) > 3
    assert page.locator("#kpis .kpi").count() == 5
    assert page.locator("#demo").is_visible()
    expect(page.locator("#decisions")).to_contain_text("forecast")
    expect(page.locator("#budget")).to_contain_text("$")
    expect(page.locator("#incidents")).to_contain_text("gcp-us-east")
    assert page.locator("#channels svg").count() >= len(SIX)


def test_it_is_live(visit: Visit) -> None:
    page = visit.page
    before = page.locator("#clock").inner_text()
    expect(page.locator("#clock")).not_to_have_text(before, timeout=PATIENCE_MS)


def test_a_channel_can_be_chosen_by_click_and_by_key(visit: Visit) -> None:
    page = visit.page
    page.locator("tr.row[data-channel=local-gpu] button").click()
    expect(page.locator("#detail h2")).to_contain_text("local-gpu")
    expect(page.locator("#detail")).to_contain_text(re.compile("share", re.IGNORECASE))
    assert page.locator("#detail svg path").count() > 5
    page.keyboard.press("k")
    expect(page.locator("#detail h2")).not_to_contain_text("local-gpu")
    page.keyboard.press("j")
    expect(page.locator("#detail h2")).to_contain_text("local-gpu")


def test_the_chart_is_read_with_the_arrow_keys(visit: Visit) -> None:
    chart = visit.page.locator("#detail [tabindex='0']").first
    chart.focus()
    visit.page.keyboard.press("ArrowLeft")
    expect(visit.page.locator("#detail")).to_contain_text(re.compile(r"\d\d:\d\d.*\d+ ms", re.DOTALL))


def test_the_levers_reach_the_loop(visit: Visit) -> None:
    page = visit.page
    page.locator("#pilot label", has=page.locator("input[value=suggest]")).click()
    expect(page.locator("#answer")).not_to_be_empty()
    assert api(page, "/api/status")["autopilot"] == "suggest"
    page.locator("#pilot label", has=page.locator("input[value=act]")).click()
    expect(page.locator("#pilot input[value=act]")).to_be_checked()
    page.locator("#kill").click()
    assert api(page, "/api/status")["kill_switch"] is False, "one click only arms it"
    page.locator("#kill").click()
    expect(page.locator("#kill")).to_have_attribute("aria-pressed", "true")
    assert api(page, "/api/status")["kill_switch"] is True
    page.locator("#kill").click()
    if page.locator("#kill").get_attribute("aria-pressed") == "true":
        page.locator("#kill").click()
    expect(page.locator("#kill")).to_have_attribute("aria-pressed", "false")
    assert api(page, "/api/status")["kill_switch"] is False
    assert api(page, "/api/status")["autopilot"] == "act"


def test_a_capability_is_lowered_and_raised_beside_the_other_levers(visit: Visit) -> None:
    page = visit.page
    expect(page.locator("#rollout")).to_be_hidden()
    page.locator("#rollout-show").click()
    expect(page.locator("#rollout li")).to_have_count(5)
    routing = page.locator("#rollout li").first
    routing.locator("[data-roll=lower]").click()
    expect(routing.locator(".steps .on")).to_have_text("Suggest")
    assert api(page, "/api/rollout")["capabilities"][0]["stage"] == "suggest"
    routing.locator("[data-roll=raise]").click()
    expect(routing.locator(".steps .on")).to_have_text("Act")
    expect(page.locator("#answer")).to_contain_text("Routing is now on")
    page.locator("#rollout-show").click()
    expect(page.locator("#rollout")).to_be_hidden()


def test_it_speaks_korean_throughout_and_remembers(visit: Visit) -> None:
    page = visit.page
    page.locator("#lang").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    headings = page.locator("h1, h2, h3, th").all_inner_texts()
    plain = [
        text for text in headings if text and not re.search("[가-힣]", text) and not re.search(r"-|\d", text)
    ]
    assert plain == []
    texts = "Promise.all([import('/text-en.js'), import('/text-ko.js')])"
    pick = "([{EN}, {KO}]) => [EN, KO].map(texts => Object.entries(texts).map(([k, v]) => [k, v.match(/\\{\\w+\\}/g)?.sort()]))"
    english, korean = (dict(entries) for entries in page.evaluate(f"{texts}.then({pick})"))
    assert english == korean, "the same keys, and the same values in each text"
    page.reload()
    page.wait_for_selector("#channels tr.row")
    expect(page.locator("html")).to_have_attribute("lang", "ko")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1440])
def test_nothing_sticks_out(browser: Browser, url: str, width: int, theme: str) -> None:
    visit = Visit(browser, url, viewport={"width": width, "height": 900}, color_scheme=theme)
    page = visit.page
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    visit.context.close()
    assert visit.problems == []


def test_eight_pages_are_live_at_once(visit: Visit) -> None:
    pages = [visit.page, *(visit.open() for _ in range(7))]
    for page in pages:
        before = page.locator("#clock").inner_text()
        page.bring_to_front()
        expect(page.locator("#clock")).not_to_have_text(before, timeout=PATIENCE_MS)


def test_the_page_does_not_grow(visit: Visit) -> None:
    """Each tick replaces what the one before drew."""
    page = visit.page
    count = "document.getElementsByTagName('*').length"
    started, before = api(page, "/api/status")["ticks"], page.evaluate(count)
    while api(page, "/api/status")["ticks"] < started + 15:
        page.wait_for_timeout(500)
    assert page.evaluate(count) < before * 1.5 + 100


def test_text_of_elsewhere_is_shown_as_text(visit: Visit) -> None:
    """What a server says is never markup."""
    page = visit.page
    evil = "<img src=x onerror=document.title='gone'>"

    twist(page, {"why_share": [{"factor": "forecast", "effect": -0.1, "detail": evil}]})
    page.locator("tr.row[data-channel=aws-us-east] button").click()
    expect(page.locator("#detail")).to_contain_text("onerror")
    assert page.locator("img").count() == 0
    assert page.title() != "gone"


def twist(page: Page, change: dict[str, Any] | Callable[[Any], dict[str, Any]]) -> None:
    """What the server says about the selected channel, with something of it replaced."""

    def twisted(route: Any) -> None:
        answer = route.fetch()
        body = orjson.loads(answer.body())
        more = change if isinstance(change, dict) else change(body)
        route.fulfill(response=answer, body=orjson.dumps(body | more).decode())

    page.route("**/api/channels/*", twisted)


def test_a_channel_says_what_is_expected_how_wrong_that_was_and_whose_word_counts(visit: Visit) -> None:
    page = visit.page
    page.locator("tr.row[data-channel=local-gpu] button").click()
    detail = page.locator("#detail")
    expect(detail.locator(".next h3")).to_have_text(["Next 15 min, on average", "Next hour, on average"])
    expect(detail.locator(".next .v")).to_have_text([re.compile(r"\d+ ms")] * 2)
    for part in ("path.b80", "path.b95", "path.past", "path.fcl"):
        expect(detail.locator(f"svg.band {part}")).to_have_attribute("d", re.compile("^M"))
    rows = detail.locator("table.rec tbody tr")
    expect(rows.first).to_contain_text(re.compile(r"Next 15 min.*ms.*ms.*%.*% / .*%", re.DOTALL))
    expect(detail).to_contain_text("Even a perfect forecast would be off by about")
    shares = [int(text.rstrip("%")) for text in detail.locator(".experts .bars > b").all_inner_texts()]
    assert 95 <= sum(shares) <= 105, "with all others they are everybody"


def test_what_is_unusual_is_ringed_and_listed_with_its_kind_and_since_when(visit: Visit) -> None:
    page = visit.page

    def odd(body: Any) -> dict[str, Any]:
        end_at, step_s = body["at"], body["step_s"]
        shift = {
            "metric": body["metric"], "value": 0.8, "expected": 0.2, "kind": "shift", "since_at": end_at - 9 * step_s,
        }  # fmt: skip
        return {
            "anomalies": [
                shift | {"at": end_at - 8 * step_s},
                shift | {"at": end_at - 9 * step_s, "kind": "spike"},
                shift | {"at": end_at - 30 * step_s, "metric": "failure_ratio", "since_at": None},
            ]
        }

    twist(page, odd)
    page.locator("tr.row[data-channel=local-gpu] button").click()
    expect(page.locator("#detail circle.anom title")).to_have_count(3)
    expect(page.locator("#detail svg.band")).to_contain_text("shift: 800 ms, usually 200 ms")
    expect(page.locator("#detail svg.band")).to_contain_text("failures: shift: 80%, usually 20%")
    expect(page.locator("#detail text.odd")).to_have_text(["shift", "failures: shift"])
    lines = page.locator("#detail .odd-list li")
    expect(lines).to_have_count(2)
    expect(lines.first).to_contain_text(re.compile(r"\d\d:\d\d.*shift.*lasted 2.*800 ms at worst", re.DOTALL))


def test_a_forecast_without_a_vote_says_why(visit: Visit) -> None:
    page = visit.page

    def mute(body: Any) -> dict[str, Any]:
        why = {"has_vote": False, "no_vote": "worse", "outcomes": 321}
        return {"standings": [one | why if one["horizon_s"] == 3600 else one for one in body["standings"]]}

    twist(page, mute)
    page.locator("tr.row[data-channel=local-gpu] button").click()
    expect(page.locator("#detail .warned")).to_contain_text("In 1 h it has no vote")
    expect(page.locator("#detail .warned")).to_contain_text("321 forecasts graded")


def test_without_alerts_the_panel_says_so(visit: Visit) -> None:
    empty = {"enabled": True, "at": 0, "alerts": [], "silences": [], "receivers": [], "deliveries": []}
    visit.page.route("**/api/alerts", lambda route: route.fulfill(json=empty))
    expect(visit.page.locator("#alerts")).to_contain_text("Nothing is wrong that would be worth an alert")

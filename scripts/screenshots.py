"""Takes the pictures of the documents from a running demo: docs/images/{overview,cost}-{light,dark}.png, and the cost
page on a phone and in Korean.

Needs Chromium (`make services`). The demo is the one that everybody sees, at its usual speed.
"""

import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final, Literal, get_args

from playwright.sync_api import Browser, Page, sync_playwright

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "docs/images"
CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_MOVED: Final = re.compile(r'"code": ?"forecast"')
_WAIT_S: Final = 120.0

Theme = Literal["light", "dark"]


def main() -> int:
    command = [sys.executable, "-m", "foreroute", "demo", "--port", "0", "--dashboard-port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as demo:  # noqa: S603 - fixed
        try:
            url = _dashboard(demo)
            _until_traffic_has_moved(url)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
                for theme in get_args(Theme):
                    _shoot(browser, url, theme)
                _shoot_cost(browser, url, "phone", {"viewport": {"width": 390, "height": 844}})
                _shoot_cost(
                    browser, url, "ko", {"locale": "ko-KR", "viewport": {"width": 1440, "height": 1000}}
                )
                browser.close()
        finally:
            demo.terminate()
    return 0


def _dashboard(demo: "subprocess.Popen[str]") -> str:
    for line in demo.stderr or ():
        if found := re.search(r"dashboard\s+(http://\S+)", line):
            return found.group(1)
    raise SystemExit("the demo ended before it said where its dashboard is")


def _until_traffic_has_moved(url: str) -> None:
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        with urllib.request.urlopen(f"{url}/api/decisions", timeout=5.0) as answer:  # noqa: S310 - loopback
            if _MOVED.search(answer.read().decode()):
                return
        time.sleep(0.5)
    raise SystemExit("no forecast has moved any traffic")


def _shoot(browser: Browser, url: str, theme: Theme) -> None:
    page = browser.new_page(
        viewport={"width": 1440, "height": 1000}, color_scheme=theme, locale="en-GB", device_scale_factor=1.5
    )
    page.goto(url)
    page.wait_for_selector("#channels tr.row")
    page.wait_for_selector("#detail svg")
    IMAGES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=IMAGES / f"overview-{theme}.png")
    _take_cost(page, url, theme)


def _shoot_cost(browser: Browser, url: str, name: str, context: dict[str, Any]) -> None:
    _take_cost(browser.new_page(**{"color_scheme": "light", "locale": "en-GB"} | context), url, name)


def _take_cost(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/cost.html")
    page.wait_for_selector("#burn svg")
    page.wait_for_selector("#optimum .big")
    page.screenshot(path=IMAGES / f"cost-{name}.png", full_page=True)
    page.close()


if __name__ == "__main__":
    sys.exit(main())

"""A page in a real browser, with a note of all that goes wrong on it."""

from typing import Any, Final

import orjson
from playwright.sync_api import Browser, BrowserContext, Page

FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS: Final = 60_000
"""A loaded machine may take its time; nothing here waits longer than it must."""


class Visit:
    """A page with a note of all that went wrong on it, and of all that it asked for."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self.context: BrowserContext = browser.new_context(
            **({"viewport": {"width": 1440, "height": 1000}, "locale": "en-GB"} | context)
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.problems: list[str] = []
        self.asked: list[str] = []
        self.url = url
        self.page = self.open()

    def open(self) -> Page:
        page = self.context.new_page()
        page.on(
            "console", lambda message: self.problems.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(self.url)
        page.wait_for_selector("#channels tr.row")
        return page

    def ids(self) -> list[str]:
        return [
            row.get_attribute("data-channel") or "" for row in self.page.locator("#channels tr.row").all()
        ]


def api(page: Page, path: str) -> Any:
    return orjson.loads(page.evaluate("path => fetch(path).then(answer => answer.text())", path))

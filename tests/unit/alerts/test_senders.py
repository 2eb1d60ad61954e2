"""Webhook and Apprise on real loopback HTTP: what arrives, what counts as sent, and that no secret is said."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.unit.alerts.conftest import House

from foreroute.alerts.apprise_targets import AppriseSender
from foreroute.alerts.delivery import NotSent
from foreroute.alerts.values import Notice
from foreroute.alerts.webhook import WebhookSender, payload
from foreroute.core.errors import ConfigError
from foreroute.serving import Server, serve_asgi

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise's, at its import
Make = Callable[..., House]
TOKEN = "s3cr3t-token"


@dataclass
class Hook:
    """An HTTP receiver. `statuses` are its next answers; then it takes everything."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)
    got: list[tuple[dict[str, str], Any]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        raw = b""
        while True:
            message = await receive()
            raw += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.got.append((headers, orjson.loads(raw)))
        status = self.statuses.pop(0) if self.statuses else 200
        more = [(name.encode(), value.encode()) for name, value in self.more.items()]
        await send({"type": "http.response.start", "status": status, "headers": more})
        await send({"type": "http.response.body", "body": b""})


@pytest_asyncio.fixture
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    server: Server = await serve_asgi(made)
    made.url = f"{server.url}/{TOKEN}"
    yield made
    await server.aclose()


@pytest.fixture
def notice(house: Make) -> Notice:
    it = house()
    it.tick(3, incidents=["a", "b"])
    return it.notices[0]


def said(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged but by the receiver's own server."""
    return "\n".join(one.getMessage() for one in caplog.records if not one.name.startswith("uvicorn"))


async def sent(sender: Any, notice: Notice) -> None:
    try:
        await sender.send(notice)
    finally:
        await sender.aclose()


def test_the_payload_is_alertmanagers_version_4(notice: Notice) -> None:
    body = payload(notice, "http://board/")
    assert body["version"] == "4"
    assert body["status"] == "firing"
    assert body["receiver"] == "me"
    assert body["groupKey"] == 'me/{}:{region="us", budget="", stage="", receiver=""}'
    assert body["groupLabels"] == {"region": "us", "budget": "", "stage": "", "receiver": ""}
    assert body["externalURL"] == "http://board/"
    assert body["truncatedAlerts"] == 0
    assert body["commonLabels"]["region"] == "us"
    assert "channel" not in body["commonLabels"]
    first = body["alerts"][0]
    assert first["labels"]["alertname"] == "ForerouteIncident"
    assert first["labels"]["severity"] == "critical"
    assert first["startsAt"] == "2026-03-02T09:01:00.000Z"
    assert first["endsAt"] == "0001-01-01T00:00:00Z"
    assert first["status"] == "firing"
    assert len(first["fingerprint"]) == 12
    assert all(isinstance(value, str) for one in body["alerts"] for value in one["annotations"].values())
    orjson.dumps(body)


def test_a_resolved_payload_has_an_end(house: Make) -> None:
    it = house()
    it.tick(3, incidents=["a"])
    it.tick(10)
    body = payload(it.notices[-1], "")
    assert body["status"] == "resolved"
    assert body["alerts"][0]["status"] == "resolved"
    assert body["alerts"][0]["endsAt"] == "2026-03-02T09:04:00.000Z"


async def test_a_webhook_arrives_with_its_id(hook: Hook, notice: Notice) -> None:
    await sent(WebhookSender(hook.url, external_url=""), notice)
    [(headers, body)] = hook.got
    assert headers["idempotency-key"] == notice.id == body["notificationId"]
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "for_good"),
    [(500, False), (503, False), (429, False), (408, False), (400, True), (404, True), (302, True)],
)
async def test_what_an_answer_means(hook: Hook, notice: Notice, status: int, for_good: bool) -> None:
    hook.statuses, hook.more = [status], {"retry-after": "7", "location": "http://127.0.0.1:1/"}
    with pytest.raises(NotSent, match=f"it answers {status}") as caught:
        await sent(WebhookSender(hook.url, external_url=""), notice)
    assert caught.value.for_good is for_good
    assert caught.value.after_s == 7.0
    assert len(hook.got) == 1, "a redirect is not followed"


async def test_nobody_there_is_said_without_the_address(notice: Notice) -> None:
    with pytest.raises(NotSent) as caught:
        await sent(WebhookSender(f"http://127.0.0.1:1/{TOKEN}", external_url=""), notice)
    assert str(caught.value) == "no connection: refused or unreachable"


async def test_a_certificate_that_nobody_vouches_for_is_refused(notice: Notice) -> None:
    """Something that answers plain text where TLS is expected: verification is on, so nothing is sent."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(NotSent, match="certificate cannot be trusted, or TLS failed"):
        await sent(WebhookSender(f"https://127.0.0.1:{port}/{TOKEN}", external_url=""), notice)
    server.close()
    await server.wait_closed()


async def test_apprise_delivers_and_logs_no_address(
    hook: Hook, notice: Notice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = hook.url.replace("http://", "json://")
    await sent(AppriseSender([url], name="me", external_url="http://board/"), notice)
    [(_, body)] = hook.got
    assert body["title"].startswith("[critical] ")
    assert notice.id in body["message"]
    assert "http://board/" in body["message"]
    assert TOKEN not in said(caplog)


async def test_apprise_says_what_failed_without_the_address(
    hook: Hook, notice: Notice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hook.statuses = [500]
    with pytest.raises(NotSent) as caught:
        await sent(
            AppriseSender([hook.url.replace("http://", "json://")], name="me", external_url=""), notice
        )
    assert TOKEN not in str(caught.value) + said(caplog)


async def test_a_target_that_took_the_message_does_not_get_it_again(hook: Hook, notice: Notice) -> None:
    good, bad = hook.url.replace("http://", "json://"), f"json://127.0.0.1:1/{TOKEN}"
    sender = AppriseSender([good, bad], name="me", external_url="")
    for _ in range(3):
        with pytest.raises(NotSent):
            await sender.send(notice)
    await sender.aclose()
    assert len(hook.got) == 1


def test_what_is_no_target_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError) as caught:
        AppriseSender([f"nonsense-{TOKEN}"], name="me", external_url="")
    assert TOKEN not in str(caught.value)
    assert "receiver me" in str(caught.value)

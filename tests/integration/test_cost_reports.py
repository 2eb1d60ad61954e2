"""Reports that are sent by themselves: over real sockets, to a mail server and a webhook, once, also over a restart."""

import asyncio
import base64
import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from foreroute.app.cost_reports import ReportDesk, planned_reports
from foreroute.cli.program import app
from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.cost_record import ReportSent, SendState
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.monitor.fold import merge_rollups
from foreroute.settings import Settings, load_settings
from foreroute.store.sqlite import SqliteStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated"),  # Apprise's, at its import
    pytest.mark.skipif(find_spec("apprise") is None, reason="the extra `alerts` is not installed"),
]
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400.0


@dataclass
class Told:
    """What has arrived, and how the webhook answers."""

    mails: list[bytes] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    mail_port: int = 0
    hook_port: int = 0

    def mail(self, place: int) -> EmailMessage:
        found = message_from_bytes(self.mails[place], policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        return found


class Hand:
    """A clock that is turned by hand."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        self.at = at


@pytest.fixture
def told() -> Iterator[Told]:
    found = Told()

    class Mail(socketserver.StreamRequestHandler):
        """As much of RFC 5321 as a client needs that does not log in."""

        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line.strip().upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    body = b""
                    while (line := self.rfile.readline()) != b".\r\n":
                        body += line.removeprefix(b".") if line.startswith(b"..") else line
                    found.mails.append(body)
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
                if word == b"QUIT":
                    return

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.posts.append(json.loads(body))
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    mail = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)
    hook = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    found.mail_port, found.hook_port = mail.server_address[1], hook.server_address[1]
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in (mail, hook)]
    for thread in threads:
        thread.start()
    yield found
    for server in (mail, hook):
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


def configured(folder: Path, told: Told, *, urls: str | None = None, **report: Any) -> Path:
    mail = (
        f"mailto://127.0.0.1:{told.mail_port}?from=foreroute@example.com&to=finance@example.com&mode=insecure"
    )
    hook = f"json://127.0.0.1:{told.hook_port}/cost"
    (folder / "receivers.txt").write_text(f"{mail}\n{hook}\n" if urls is None else urls, encoding="utf-8")
    path = folder / "foreroute.yaml"
    document = {
        "store": {"path": str(folder / "store.db")},
        "channels": [
            {
                "id": "c",
                "provider": "openai",
                "region": "here",
                "model": "m",
                "base_url": "http://127.0.0.1:1/v1",
            }
        ],
        "routes": [{"model": "chat", "targets": [{"channel": "c"}]}],
        "cost": {
            "time_zone": "Asia/Seoul",
            "reports": [
                {
                    "name": "finance",
                    "every": ["day"],
                    "at": "09:00",
                    "apprise_urls_file": "receivers.txt",
                    **report,
                }
            ],
        },
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def entry(number: int, at: float) -> LedgerEntry:
    attempt = Attempt(
        request_id=RequestId(f"r{number}"),
        number=1,
        route=RouteName("chat"),
        channel=ChannelId("c"),
        started_at=at,
        duration_s=1.0,
        outcome=Outcome.SUCCESS,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        usage=Usage(100, output_tokens=10),
        cost_usd=Decimal("0.25"),
    )
    return LedgerEntry(attempt=attempt, cost_usd=attempt.cost_usd, price_source="config")


async def rounds(settings: Settings, *moments: float) -> int:
    """A service that lives for these moments."""
    store = await SqliteStore.open(settings.store.path, merge_rollups)
    try:
        clock = Hand(moments[0])
        zone = settings.cost.time_zone
        desk = ReportDesk(planned_reports(settings), store, store.cost_record, time_zone=zone, clock=clock)
        await desk.begin()
        taken = 0
        for clock.at in moments:
            taken += await desk.round()
        return taken
    finally:
        await store.close()


async def filled(settings: Settings) -> None:
    store = await SqliteStore.open(settings.store.path, merge_rollups)
    await store.append([entry(n, NOON - DAY_S + 60.0 * n) for n in range(4)], [])
    await store.close()


def test_a_day_is_reported_once_to_each_with_its_text_and_its_page(tmp_path, told):
    settings = load_settings(configured(tmp_path, told))
    asyncio.run(filled(settings))
    early, due = NOON - 13 * 3600.0, NOON - 12 * 3600.0  # 08:00 and 09:00 in Seoul
    assert asyncio.run(rounds(settings, early, due, due + 300.0, due + 600.0)) == 2
    assert asyncio.run(rounds(settings, due + 900.0, due + 3600.0)) == 0, "a restart sends nothing again"
    mail = told.mail(0)
    assert mail["subject"] == "Foreroute: $1 in the day 2026-11-29"
    assert mail["to"] == "finance@example.com"
    body = mail.get_body(("plain",))
    assert body is not None
    assert "$1 for 4 attempts in the day 2026-11-29 (Asia/Seoul)" in body.get_content()
    (page,) = list(mail.iter_attachments())
    assert (page.get_filename(), page.get_content_type()) == (
        "foreroute-cost-day-2026-11-29.html",
        "text/html",
    )
    assert "<h2>By channel</h2>" in str(page.get_content())
    (post,) = told.posts
    assert "4 attempts" in post["message"]
    assert b"<h2>By route</h2>" in base64.b64decode(post["attachments"][0]["base64"])
    assert len(told.mails) == 1


def test_only_who_did_not_take_it_gets_it_again(tmp_path, told):
    settings = load_settings(configured(tmp_path, told, attach="csv"))
    asyncio.run(filled(settings))
    told.status, due = 503, NOON - 12 * 3600.0
    assert asyncio.run(rounds(settings, due, due + 60.0)) == 1, "not tried again at once"
    told.status = 200
    assert asyncio.run(rounds(settings, due + 1000.0)) == 1
    assert (len(told.mails), len(told.posts)) == (1, 2)


def test_one_that_was_cut_off_on_its_way_is_not_sent_again_and_is_named(tmp_path, told, caplog):
    settings = load_settings(configured(tmp_path, told))
    asyncio.run(filled(settings))
    due = NOON - 12 * 3600.0

    async def killed() -> None:
        store = await SqliteStore.open(settings.store.path, merge_rollups)
        claim = ReportSent(
            report="finance",
            period="day",
            window="2026-11-29",
            target=0,
            state=SendState.BEGUN,
            tries=1,
            at=due,
        )
        assert await store.cost_record.claim(claim, failed_before=due)
        assert not await store.cost_record.claim(claim, failed_before=due)
        await store.close()

    asyncio.run(killed())
    assert asyncio.run(rounds(settings, due + 5.0)) == 1, "the webhook, which had not begun"
    assert told.mails == []
    assert "cost_report_unsure" in caplog.text


def test_before_there_was_any_traffic_nothing_is_told(tmp_path, told):
    settings = load_settings(configured(tmp_path, told))
    asyncio.run(filled(settings))
    assert asyncio.run(rounds(settings, NOON - 5 * DAY_S)) == 0
    assert (told.mails, told.posts) == ([], [])


def test_the_command_line_sends_one_now_and_says_beforehand_what_it_would_be(tmp_path, told):
    path = configured(tmp_path, told, attach="focus")
    asyncio.run(filled(load_settings(path)))
    asked = ["cost", "report", "--send", "finance", "--period", "month", "--config", str(path), "--json"]
    dry = CliRunner().invoke(app, [*asked, "--dry-run"])
    assert dry.exit_code == 0, dry.output
    answer = json.loads(dry.stdout)
    assert (answer["sent"], len(answer["receivers"])) == (False, 2)
    assert "127.0.0.1" not in dry.stdout, "an address is a secret"
    assert (told.mails, told.posts) == ([], [])
    sent = CliRunner().invoke(app, asked)
    assert sent.exit_code == 0, sent.output
    assert (len(told.mails), len(told.posts)) == (1, 1)
    told.status = 500
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code != 0
    assert "Traceback" not in refused.output


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({"apprise_urls_file": None}, "exactly one of apprise_urls"),
        ({"at": "25:00"}, "at"),
        ({"every": []}, "every"),
        ({"urls": "nonsense://"}, "no address that Apprise knows"),
        ({"urls": "# nobody"}, "holds no address"),
    ],
)
def test_a_report_that_cannot_be_is_said_with_its_place(tmp_path, told, report, said):
    path = configured(tmp_path, told, **report)
    result = CliRunner().invoke(app, ["cost", "report", "--send", "finance", "--config", str(path)])
    assert result.exit_code != 0
    assert said in result.output
    assert "Traceback" not in result.output

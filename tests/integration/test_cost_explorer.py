"""AWS's bill by boto3 itself, from a server on loopback that speaks Cost Explorer's protocol (JSON 1.1)."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from foreroute.cli.program import app
from foreroute.core.errors import HistoryError, MissingExtra
from foreroute.cost.cost_explorer import AwsSpan, aws_bill

needs_boto3 = pytest.mark.skipif(find_spec("boto3") is None, reason="the extra `bills` is not installed")
D1, D2 = date(2026, 11, 1), date(2026, 11, 2)


def day(start: date, *groups: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "TimePeriod": {"Start": start.isoformat(), "End": date(2026, 11, start.day + 1).isoformat()},
        "Total": {},
        "Groups": [
            {"Keys": [service, kind], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}}
            for service, kind, amount in groups
        ],
        "Estimated": False,
    }


@dataclass
class Aws:
    """`pages` are answered in turn; `refuses` names the error instead."""

    url: str = ""
    pages: list[list[dict[str, Any]]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    refuses: str = ""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    found = Aws()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.targets.append(self.headers["X-Amz-Target"])
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.asked.append(asked)
            status = 400
            answer: dict[str, Any] = {"__type": found.refuses, "message": "not for you"}
            if not found.refuses:
                place = int(asked.get("NextPageToken", 0))
                status, answer = 200, {"ResultsByTime": found.pages[place]}
                if place + 1 < len(found.pages):
                    answer["NextPageToken"] = str(place + 1)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@needs_boto3
def test_every_page_of_every_day_by_service_and_type_of_use(aws):
    aws.pages = [
        [day(D1, ("Amazon Bedrock", "USE1-Nova-input", "1.25"), ("Tax", "", "0.1"))],
        [day(D1, ("Amazon Bedrock", "USE1-Nova-output", "2")), day(D2)],
    ]
    span = AwsSpan(since=D1, until=date(2026, 11, 3), endpoint_url=aws.url)
    lines = aws_bill(span)
    assert [(one.day, one.usd, one.service, one.item) for one in lines] == [
        (D1, Decimal("1.25"), "Amazon Bedrock", "USE1-Nova-input"),
        (D1, Decimal("0.1"), "Tax", ""),
        (D1, Decimal(2), "Amazon Bedrock", "USE1-Nova-output"),
    ]
    assert set(aws.targets) == {"AWSInsightsIndexService.GetCostAndUsage"}
    assert aws.asked[0]["TimePeriod"] == {"Start": "2026-11-01", "End": "2026-11-03"}
    assert aws.asked[1]["NextPageToken"] == "1"


@needs_boto3
def test_what_aws_refuses_is_said_in_its_words(aws):
    aws.refuses = "AccessDeniedException"
    with pytest.raises(HistoryError, match=r"AccessDeniedException.*not for you") as error:
        aws_bill(AwsSpan(since=D1, until=D2, endpoint_url=aws.url))
    assert "ce:GetCostAndUsage" in error.value.hint


@needs_boto3
def test_an_answer_that_breaks_off_midway_imports_nothing(aws):
    odd = day(D2, ("Amazon Bedrock", "x", "much"))
    aws.pages = [[day(D1, ("Amazon Bedrock", "x", "1"))], [odd]]
    with pytest.raises(HistoryError, match="not an amount") as error:
        aws_bill(AwsSpan(since=D1, until=date(2026, 11, 3), endpoint_url=aws.url))
    assert error.value.where == "AWS Cost Explorer, ResultsByTime 2, Amount"


@needs_boto3
def test_the_command_line_asks_cost_explorer(aws, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    aws.pages = [[day(D1, ("Amazon Bedrock", "USE1-Nova-input", "1.25"), ("EC2", "box", "40"))]]
    path = tmp_path / "foreroute.yaml"
    target = {
        "id": "c",
        "provider": "aws",
        "region": "r",
        "model": "nova",
        "base_url": "http://127.0.0.1:1/v1",
    }
    document = {
        "store": {"path": str(tmp_path / "store.db")},
        "channels": [target],
        "routes": [{"model": "chat", "targets": [{"channel": "c"}]}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    (tmp_path / "store.db").touch()
    asked = ["cost", "reconcile", "--from", "aws", "--since", "2026-11-01", "--until", "2026-11-02"]
    result = CliRunner().invoke(app, [*asked, "--service", "bedrock", "--json", "--config", str(path)])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert (answer["billed_usd"], answer["metered_usd"]) == ("1.25", "0")
    assert answer["models"] == [
        {
            "model": "(no model)",
            "billed_usd": "1.25",
            "metered_usd": "0",
            "difference_usd": "1.25",
            "unpriced_attempts": 0,
        }
    ]


def test_without_the_extra_the_command_to_install_it_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(MissingExtra, match=r"pip install 'foreroute\[bills\]'"):
        aws_bill(AwsSpan(since=D1, until=D2))

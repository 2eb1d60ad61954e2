"""A stand-in for a running server's admin API, on loopback."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Asked:
    method: str
    path: str
    key: str | None
    body: Any


@dataclass
class StandIn:
    url: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """`METHOD /path` without its query → status and body (bytes as they are, anything else as JSON)."""
    location: str = ""
    asked: list[Asked] = field(default_factory=list)

    def answer(self, what: str, body: Any, status: int = 200) -> None:
        self.answers[what] = (status, body)


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            pass

        def _do(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            stand_in.asked.append(Asked(self.command, self.path, self.headers.get("authorization"), body))
            status, answer = stand_in.answers.get(
                f"{self.command} {self.path.partition('?')[0]}",
                (404, {"error": {"message": "there is no such page", "hint": ""}}),
            )
            raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            if stand_in.location:
                self.send_header("location", stand_in.location)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = _do  # noqa: N815 - the names of the base class

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        stand_in.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield stand_in
        http.shutdown()
        thread.join()


@pytest.fixture
def status() -> dict[str, Any]:
    """A server with two channels, one of which is about to slow down."""
    return {
        "version": "0.1.0",
        "at": 1_772_442_000.0,
        "ticks": 38,
        "tick_s": 60.0,
        "autopilot": "act",
        "kill_switch": False,
        "demo": False,
        "loop": {"alive": True, "last_tick_at": 1_772_442_000.0, "stage_errors": {}},
        "plan": {"version": 14, "valid_until": 1_772_442_600.0, "applied": True},
        "routes": [
            {
                "name": "chat",
                "objective": {"metric": "first_chunk_p95", "limit_s": 0.9},
                "targets": [
                    {"channel": "azure-us", "share": 0.25, "configured_share": 0.4, "priority": 0},
                    {"channel": "aws-us", "share": 0.75, "configured_share": 0.6, "priority": 0},
                ],
            }
        ],
        "channels": [
            {
                "id": "azure-us", "provider": "azure", "cloud": "azure", "region": "us", "model": "m",
                "health": "good", "now_s": 0.71, "in15_s": 1.02, "in60_s": 1.3, "failure_ratio": 0.01,
                "attempts_per_minute": 50.0, "usd_per_request": "0.0004", "shares": {"chat": 0.25},
                "share_change": -0.15, "group": "azure",
                "why": {"code": "forecast", "detail": "expected over 900 ms in 12 min [sure: 80 %]", "at": 1.0},
            },
            {
                "id": "aws-us", "provider": "aws", "cloud": "aws", "region": "us", "model": "m",
                "health": "excellent", "now_s": 0.4, "in15_s": 0.41, "in60_s": None, "failure_ratio": None,
                "attempts_per_minute": 150.0, "usd_per_request": None, "shares": {"chat": 0.75},
                "share_change": 0.15, "why": None, "group": "aws",
            },
        ],
        "budgets": [
            {
                "name": "monthly", "limit_usd": "500", "spent_usd": "123.45", "projected_usd": "510.2",
                "projected_lower_usd": "480", "projected_upper_usd": "540",
                "period_start_at": 1_772_323_200.0, "period_end_at": 1_775_001_600.0,
            }
        ],
        "incidents": [],
        "anomalies": [],
        "forecast_record": {
            "made": 120, "graded": 80, "mean_absolute_error": 0.05, "naive_mean_absolute_error": 0.08,
        },
    }  # fmt: skip

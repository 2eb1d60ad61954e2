"""Range queries against a small real server on loopback that speaks the API."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from foreroute.core.errors import HistoryError
from foreroute.monitor.prometheus import POINTS_MAX, Prometheus, RangeQuery

Answer = Callable[[dict[str, str]], tuple[int, Any]]


def series(asked: dict[str, str], count: int = 1) -> dict[str, Any]:
    start, end, step = (float(asked[name]) for name in ("start", "end", "step"))
    steps = round((end - start) / step) + 1
    values = [[start + step * n, str((start + step * n) / 1e6)] for n in range(steps)]
    result = [{"metric": {"instance": str(n)}, "values": values} for n in range(count)]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


@dataclass
class Server:
    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    answer: Answer = lambda asked: (200, series(asked))
    slept: list[float] = field(default_factory=list)

    def client(self, **more: Any) -> Prometheus:
        return Prometheus(url=self.url, sleep=self.slept.append, **more)


@pytest.fixture
def server() -> Iterator[Server]:
    known = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            pass

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["content-length"])).decode()
            asked = {name: values[0] for name, values in parse_qs(form).items()}
            assert self.path == "/api/v1/query_range"
            known.asked.append(asked)
            known.authorizations.append(self.headers.get("authorization"))
            status, body = known.answer(asked)
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        known.url = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield known
        http.shutdown()


def query(steps: int) -> RangeQuery:
    return RangeQuery(query="up", start_at=60.0, end_at=60.0 * steps, step_s=60.0)


def test_long_ranges_come_in_pieces_that_are_accepted(server: Server) -> None:
    found = list(server.client().samples(query(25_000)))
    assert [at for at, _ in found] == [60.0 * n for n in range(1, 25_001)]
    assert found[7] == (480.0, 0.00048)
    pieces = [round((float(asked["end"]) - float(asked["start"])) / 60.0) + 1 for asked in server.asked]
    assert pieces == [POINTS_MAX, POINTS_MAX, 3_000]


def test_the_header_goes_along(server: Server) -> None:
    list(server.client(authorization="Bearer secret").samples(query(3)))
    assert server.authorizations == ["Bearer secret"]


def test_what_may_work_later_is_tried_again(server: Server) -> None:
    answers = iter([(503, b""), (429, {"error": "slow down"})])
    server.answer = lambda asked: next(answers, (200, series(asked)))
    assert len(list(server.client().samples(query(3)))) == 3
    assert server.slept == [1.0, 2.0]
    server.answer = lambda asked: (503, {"status": "error", "error": "query timed out"})
    with pytest.raises(HistoryError, match=r"answers 503: query timed out \(4 tries\)"):
        list(server.client().samples(query(3)))


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (
            400,
            {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end"},
            "unexpected end",
        ),
        (401, b"", "answers 401"),
        (302, b"", "answers 302"),
        (200, b"<html>", "answers, but not as Prometheus does"),
        (200, {"data": {"resultType": "vector", "result": []}}, "answers a vector"),
        (200, {"data": {"resultType": "matrix", "result": [{"values": [["x"]]}]}}, "cannot be read"),
    ],
)
def test_what_will_not_work_is_said_at_once(server: Server, status: int, body: Any, says: str) -> None:
    server.answer = lambda asked: (status, body)
    with pytest.raises(HistoryError, match=says):
        list(server.client().samples(query(3)))
    assert len(server.asked) == 1


def test_several_series_are_refused_with_what_would_help(server: Server) -> None:
    server.answer = lambda asked: (200, series(asked, count=2))
    with pytest.raises(HistoryError, match=r"gives 2 series: .*instance") as caught:
        list(server.client().samples(query(3)))
    assert "sum()" in caught.value.hint


def test_nothing_measured_is_nothing(server: Server) -> None:
    server.answer = lambda asked: (200, {"data": {"resultType": "matrix", "result": []}})
    assert list(server.client().samples(query(3))) == []


@pytest.mark.parametrize("url", ["localhost:9090", "file:///etc/passwd", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(HistoryError, match="is not an http or https address"):
        list(Prometheus(url=url, sleep=lambda _: None).samples(query(3)))


def test_nobody_there_is_said_after_some_tries(server: Server) -> None:
    nobody = Prometheus(url="http://127.0.0.1:1", sleep=server.slept.append)
    with pytest.raises(HistoryError, match="nobody answers"):
        list(nobody.samples(query(3)))
    assert len(server.slept) == 3

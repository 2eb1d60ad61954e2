"""Who may come in."""

from typing import Any

import pytest


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8081", "localhost:8081", "[::1]:8081", "127.0.0.1", "x.localhost:1"]
)
async def test_loopback_names_are_answered(stage: Any, host: str) -> None:
    assert (await stage.ask("GET", "/api/status", host=host))[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8081", "127.0.0.1.evil.example", "localhost.evil:80", "", "[::2]:1"]
)
async def test_other_names_are_not_even_for_the_page(stage: Any, host: str) -> None:
    for path in ("/api/status", "/"):
        status, body, headers = await stage.ask("GET", path, host=host)
        assert status == 421
        assert "loopback" in body["error"]["message"]
        assert "default-src 'none'" in headers["content-security-policy"]


async def test_bound_elsewhere_any_name_is_answered_with_the_key(open_stage: Any, board: Any) -> None:
    stage = open_stage(board, admin_key="sesame", loopback_only=False)
    status, body, headers = await stage.ask("GET", "/api/status", host="foreroute.example")
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert "Bearer" in body["error"]["hint"]
    bearer = {"authorization": "Bearer sesame", "host": "foreroute.example"}
    assert (await stage.ask("GET", "/api/status", **bearer))[0] == 200


@pytest.mark.parametrize(
    "sent", ["", "Bearer ", "Bearer wrong", "Basic sesame", "sesame", "Bearer sesame2", "Bearer é"]
)
async def test_a_wrong_key_opens_nothing(open_stage: Any, board: Any, sent: str) -> None:
    stage = open_stage(board, admin_key="sesame")
    for method, path in (("GET", "/api/status"), ("GET", "/api/stream"), ("POST", "/api/undo")):
        body: Any = None if method == "GET" else {}
        assert (await stage.ask(method, path, body, authorization=sent))[0] == 401
    assert stage.levers.done == []


async def test_the_page_itself_needs_no_key_to_be_able_to_ask_for_it(open_stage: Any, board: Any) -> None:
    assert (await open_stage(board, admin_key="sesame").ask("GET", "/"))[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://127.0.0.1:8081"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "application/json; charset=utf-8"}, 200),
    ],
)
async def test_writes_come_as_json_and_from_here(stage: Any, headers: dict[str, str], status: int) -> None:
    got, _, _ = await stage.ask("POST", "/api/undo", {}, **headers)
    assert got == status
    assert stage.levers.done == (["undo"] if status == 200 else [])


async def test_every_answer_says_what_a_browser_may_do(stage: Any) -> None:
    _, _, headers = await stage.ask("GET", "/api/status")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-cache"

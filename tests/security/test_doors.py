"""Separate planes, keys compared in constant time, and what a page of elsewhere may do."""

import ast
import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from tests.security.conftest import OpenFront, request

import foreroute
from foreroute.core.ids import KeyId
from foreroute.core.keys import KeyBook
from foreroute.dashboard.door import Door
from foreroute.gateway.keyring import Keyring, new_key
from foreroute.gateway.keys import known_key

HOUSE = Path(foreroute.__file__).parent
ADMIN_PATHS = [
    "/api/status", "/api/keys", "/key/generate", "/key/info", "/api/kill-switch", "/api/reload", "/", "/index.html",
    "/v1/api/status", "/openai/v1/api/keys", "/docs", "/debug", "/.env",
]  # fmt: skip


@pytest.mark.parametrize("path", ADMIN_PATHS)
@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_the_data_plane_serves_nothing_of_the_admin_plane(
    open_front: OpenFront, path: str, method: bytes
) -> None:
    front = await open_front()
    got = await front.say(request(b"{}" if method == b"POST" else b"", path=path.encode(), method=method))
    assert got.startswith(b"HTTP/1.1 404"), got[:100]
    assert front.provider.requests_total == 0


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"OPTIONS", b"PUT", b"PATCH"])
async def test_methods_that_nobody_needs_are_refused(open_front: OpenFront, method: bytes) -> None:
    front = await open_front()
    got = await front.say(request(b"", path=b"/v1/chat/completions", method=method))
    assert got.split(b" ")[1][:1] == b"4", got[:100]
    assert b"access-control-allow-origin" not in got.lower()


# Timing: by structure, as a measured time proves nothing on a busy machine -----------------------------------------

SECRETS = {"digest", "secret", "admin_key", "salt", "presented", "api_key"}


def names(node: ast.AST) -> set[str]:
    found = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return found | {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}


@pytest.mark.parametrize("room", ["gateway", "dashboard", "control"])
def test_no_secret_is_compared_with_an_equals_sign(room: str) -> None:
    """Outside of `hmac.compare_digest`, which is a call and no comparison."""
    for file in sorted((HOUSE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                assert not names(node) & SECRETS, f"{file.name}:{node.lineno}"


class Counted:
    """`hmac.compare_digest`, counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        real = hmac.compare_digest

        def counting(a: Any, b: Any) -> bool:
            self.calls += 1
            return real(a, b)

        monkeypatch.setattr("hmac.compare_digest", counting)


def test_a_static_key_is_compared_with_every_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {hashlib.sha256(f"key-{n}".encode()).hexdigest(): KeyId(f"{n}") for n in range(5)}
    counted = Counted(monkeypatch)
    for presented in ("key-0", "key-4", "wrong", ""):
        counted.calls = 0
        known_key(presented, keys)
        assert counted.calls == 5


def test_an_unknown_virtual_key_is_compared_like_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, key = new_key(lambda count: bytes(range(count)), name="k", at=0.0)
    ring = Keyring(KeyBook(keys=(key,)))
    counted = Counted(monkeypatch)
    for presented in (plain, plain[:-1] + "x", "sk-fr-nobody-secret", "no key at all"):
        counted.calls = 0
        ring.find(presented, 1.0)
        assert counted.calls == 1


async def test_the_admin_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    for sent, status in (("Bearer sesame", 200), ("Bearer wrong", 401), ("", 401)):
        counted.calls = 0
        got, _ = await asked(Door(_ok, admin_key="sesame"), "GET", "/api/x", authorization=sent)
        assert (got, counted.calls) == (status, 1)


# Pages of elsewhere --------------------------------------------------------------------------------------------------


async def _ok(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def asked(door: Door, method: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    sent = {"host": "127.0.0.1:8081", **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in sent.items()]
    await door({"type": "http", "method": method, "path": path, "headers": raw}, receive, send)
    return said[0]["status"], {name.decode(): value.decode() for name, value in said[0]["headers"]}


@pytest.mark.parametrize("path", ["/", "/api/status", "/index.html", "/nowhere"])
async def test_no_page_can_frame_script_or_sniff_the_dashboard(path: str) -> None:
    _, headers = await asked(Door(_ok), "GET", path)
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "application/json", "origin": "http://127.0.0.1:8081"}, 200),
        ({"content_type": "application/json"}, 200),
        ({"content_type": "application/json", "origin": "http://evil.example"}, 403),
        ({"content_type": "application/json", "origin": "null"}, 403),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "multipart/form-data; boundary=x"}, 415),
        ({}, 415),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
async def test_no_form_of_another_page_changes_anything(
    method: str, headers: dict[str, str], status: int
) -> None:
    assert (await asked(Door(_ok), method, "/api/kill-switch", **headers))[0] == status


def test_the_pages_never_make_markup_of_text() -> None:
    """What a channel or a key is called comes from people: it is set as text, never parsed."""
    files = sorted((HOUSE / "dashboard" / "static").glob("*.js"))
    assert len(files) > 30
    for file in files:
        source = file.read_text()
        for way in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "srcdoc",
        ):
            assert way not in source, f"{file.name} uses {way}"
    for file in (HOUSE / "dashboard" / "static").glob("*.html"):
        source = file.read_text()
        assert "<script>" not in source
        assert " onclick=" not in source
        assert "javascript:" not in source


async def test_every_route_of_the_admin_api_is_behind_the_door() -> None:
    """Whatever is added later: only static files are open, and they hold nothing."""
    sources = [file.read_text() for file in sorted((HOUSE / "dashboard").glob("*.py"))]
    paths = {
        node.args[0].value
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and node.args[0].value.startswith("/")
        and getattr(node.func, "id", getattr(node.func, "attr", ""))
        in {"Route", "Mount", "get", "post", "_get", "_post"}
    }
    assert len(paths) > 10
    for path in paths - {"/"}:
        status, _ = await asked(Door(_ok, admin_key="sesame"), "GET", path)
        assert status == 401, path

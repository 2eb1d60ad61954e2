"""Who may come in: the host name that was asked for, the admin key, where a write comes from; and what goes out with
each answer.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

import orjson

from foreroute.core.keys import Role

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_GUARDED: Final = ("/api/", "/key/")
"""The API, and the paths under which other gateways' tools manage keys. The rest is the page itself."""
_HEADERS: Final = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
]


@dataclass(frozen=True, slots=True)
class Door:
    """Wraps the dashboard's application.

    On a loopback address only loopback names are answered, so that a page of elsewhere cannot reach it by
    rebinding its own name. Writes must be JSON and, if a browser sends them, from the dashboard's own origin.

    Where an admin key is asked for, a virtual key with the role `admin` is as good, and one with `read` may look.
    """

    app: App
    admin_key: str | None = None
    role_of: Callable[[str], Role | None] = lambda _: None
    """The role of a virtual key; None: it opens nothing."""
    loopback_only: bool = True

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["method"], scope["path"], headers)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        if refusal is None:
            return await self.app(scope, receive, dressed)
        return await _refuse(dressed, *refusal)

    def _refusal(self, method: str, path: str, headers: dict[bytes, str]) -> tuple[int, str, str] | None:
        host = headers.get(b"host", "")
        if self.loopback_only and not _is_loopback_name(host):
            return 421, "this dashboard answers on loopback names only", "open it as http://127.0.0.1:…"
        if not path.startswith(_GUARDED):
            return None
        looks = method in ("GET", "HEAD")
        if self.admin_key is not None and not _is_key(
            sent := headers.get(b"authorization", ""), self.admin_key
        ):
            role = self.role_of(sent.partition(" ")[2].strip())
            if role not in {Role.READ, Role.ADMIN}:
                return 401, "the admin key is missing or wrong", "send it as Authorization: Bearer …"
            if role is Role.READ and not looks:
                return 403, "this key may look, not change anything", "use a key with the role admin"
        return None if looks else _refused_write(host, headers)


def _refused_write(host: str, headers: dict[bytes, str]) -> tuple[int, str, str] | None:
    origin = headers.get(b"origin")
    if origin is not None and origin.partition("://")[2] != host:
        return 403, "a page of another origin may not change anything here", ""
    if headers.get(b"content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "the body must be JSON", "send content-type: application/json"
    return None


def _is_loopback_name(host: str) -> bool:
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _is_key(sent: str, key: str) -> bool:
    """Compares digests, in a time that tells neither the key nor its length."""
    scheme, _, value = sent.partition(" ")
    digests = (hashlib.sha256(text.strip().encode()).digest() for text in (value, key))
    return hmac.compare_digest(*digests) and scheme.lower() == "bearer"


async def _refuse(send: Send, status: int, message: str, hint: str) -> None:
    body = orjson.dumps({"error": {"message": message, "hint": hint}})
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        head.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})

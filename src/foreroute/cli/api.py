"""A running server's admin API, over the standard library's HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from foreroute.cli.language import say
from foreroute.cli.say import CommandError

_TIMEOUT_S: Final = 10.0


class UnreachableError(CommandError):
    """Nobody answers at the address."""


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key would go along to wherever it points."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class AdminApi:
    """Raises UnreachableError when nobody answers, CommandError with the server's own words when it refuses."""

    url: str
    key: str | None = None
    timeout_s: float = _TIMEOUT_S

    def get(self, *path: str, **query: str | None) -> dict[str, Any]:
        given = {name: value for name, value in query.items() if value is not None}
        tail = f"?{urlencode(given)}" if given else ""
        return self._call("GET", _quoted(path) + tail, None)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        return self._call("POST", path, json.dumps(body).encode())

    def patch(self, *path: str, **body: Any) -> dict[str, Any]:
        return self._call("PATCH", _quoted(path), json.dumps(body).encode())

    def delete(self, *path: str, **body: Any) -> dict[str, Any]:
        return self._call("DELETE", _quoted(path), json.dumps(body).encode())

    def _call(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        request = urllib.request.Request(self._address(path), data=body, method=method)  # noqa: S310 - see _address
        request.add_header("accept", "application/json")
        if body is not None:
            request.add_header("content-type", "application/json")
        if self.key:
            request.add_header("authorization", f"Bearer {self.key}")
        # A proxy of the environment is for the outside world: the admin API is asked directly.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StayHere)
        try:
            with opener.open(request, timeout=self.timeout_s) as answer:
                return self._read(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error.code, error.read(100_000)) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            message, hint = say("error.unreachable", reason=reason), say("error.unreachable.hint")
            raise UnreachableError(message, where=self.url, hint=hint) from None

    def _address(self, path: str) -> str:
        try:
            parts = urlsplit(self.url)
            is_http = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_http = False
        if not is_http:
            hint = "for example: --url http://127.0.0.1:8081"
            raise CommandError("is not an http or https address", where=self.url, hint=hint)
        return f"{self.url.rstrip('/')}/api/{path}"

    def _read(self, raw: bytes) -> dict[str, Any]:
        try:
            value = json.loads(raw)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            hint = "the address of the dashboard is wanted, not that of the gateway"
            raise CommandError("answers, but not as Foreroute's admin API", where=self.url, hint=hint)
        return value

    def _refusal(self, status: int, raw: bytes) -> CommandError:
        if status in (401, 403):
            return CommandError(say("error.key"), where=self.url, hint=say("error.key.hint"))
        try:
            said = json.loads(raw)["error"]
            message, hint = str(said["message"]), str(said.get("hint") or "")
        except (ValueError, LookupError, TypeError, AttributeError):
            message, hint = f"the server answers {status}", "is this the address of the dashboard?"
        return CommandError(message, where=self.url if status >= 500 else "", hint=hint)


def quoted(name: str) -> str:
    """As one part of a path, whatever is in it."""
    return quote(name, safe="")


def _quoted(path: Sequence[str]) -> str:
    return "/".join(quote(part, safe="") for part in path)

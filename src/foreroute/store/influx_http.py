"""InfluxDB over HTTP by aiohttp: `/write` and `/query` as 1.x answers them, 2.x with a mapping of a bucket, 3.x too.

What goes wrong is an `InfluxError` that says what, where, and what would be right.
"""

import gzip
import ssl
from asyncio import to_thread
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import aiohttp
import orjson

from foreroute.core.errors import StoreUnavailable

_CONNECT_S: Final = 3.0
_GZIP_FROM: Final = 2048
_SHOWN: Final = 300
_NOT_EXECUTED: Final = "not executed"


class Trouble(StrEnum):
    """What is wrong, as far as what to do next depends on it."""

    AWAY = "away"
    """No answer, or one that says: later."""
    DENIED = "denied"
    """It does not know us, or does not let us."""
    MISSING = "missing"
    """There is no such database or retention policy."""
    CONFLICT = "conflict"
    """A field has another type there."""
    EXPIRED = "expired"
    """Points are older than what the retention policy keeps; the others of the batch are stored."""
    UNREADABLE = "unreadable"
    """It cannot read what it was sent, or that is too much at once."""


class InfluxError(StoreUnavailable):
    def __init__(self, trouble: Trouble, sentence: str) -> None:
        super().__init__(sentence)
        self.trouble = trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the server is and who calls it. `headers` is asked before each request: a token's file may change."""

    url: str
    database: str
    retention_policy: str | None = None
    headers: Callable[[], Mapping[str, str]] = field(default=dict, repr=False)
    """Raises OSError when the file of a secret cannot be read."""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    timeout_s: float = 10.0
    where: str = "store.influxdb"
    """The section of the configuration that says all this."""


class InfluxServer:
    """One connection or two, kept open. Belongs to the event loop that it was first used on."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._session: aiohttp.ClientSession | None = None
        self._version: str | None = None

    async def write(self, lines: str) -> None:
        """Raises InfluxError. What is written twice is there once."""
        body, headers = lines.encode(), {"Content-Type": "text/plain; charset=utf-8"}
        if len(body) > _GZIP_FROM:
            body = await to_thread(gzip.compress, body, 1)
            headers["Content-Encoding"] = "gzip"
        status, answer = await self._ask("write", {"precision": "ns"} | self._place("rp"), body, headers)
        if status >= 300:
            raise self._refusal(status, answer)

    async def query(self, *statements: str) -> list[list[dict[str, Any]]]:
        """The series that each statement finds. Raises InfluxError."""
        body = aiohttp.FormData({"q": ";".join(statements)})()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, answer = await self._ask("query", {"epoch": "ns"} | self._place("rp"), body, headers)
        if status >= 300:
            raise self._refusal(status, answer)
        try:
            found = await to_thread(orjson.loads, answer)
            results = found["results"]
        except (ValueError, KeyError, TypeError):
            raise InfluxError(
                Trouble.UNREADABLE, f"{self._named()} does not answer InfluxQL with JSON: {_shown(answer)}"
            ) from None
        errors = [result for result in results if "error" in result]
        if errors:
            if len(statements) > 1 and errors[0]["error"] == _NOT_EXECUTED:
                await self.query(statements[0])  # of several the server does not say why
            raise self._refusal(400, orjson.dumps(errors[0]))
        return [result.get("series", []) for result in results]

    async def version(self) -> str:
        """As the server names it, such as `1.6.7` or `v2.7.6`; empty where it does not."""
        if self._version is None:
            await self._ask("ping", {}, None, {})
        return self._version or ""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _place(self, policy: str) -> dict[str, str]:
        place = {"db": self.address.database}
        if self.address.retention_policy is not None:
            place[policy] = self.address.retention_policy
        return place

    async def _ask(
        self, path: str, params: Mapping[str, str], body: Any, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        address = self.address
        try:
            sent = {**headers, **address.headers()}
            async with self._opened().request(
                "GET" if body is None else "POST",
                f"{address.url.rstrip('/')}/{path}",
                params=params,
                data=body,
                headers=sent,
                allow_redirects=False,  # a redirect would carry the token to where nobody said
            ) as response:
                answer = await response.read()
                self._version = response.headers.get("X-Influxdb-Version", self._version or "")
                return response.status, answer
        except aiohttp.ClientSSLError as error:
            hint = f"Check {address.where}.url and {address.where}.ca_file"
            raise InfluxError(
                Trouble.DENIED, f"{self._named()} does not prove who it is: {error}. {hint}"
            ) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            what = str(error) or f"no answer within {address.timeout_s:g} s"
            raise InfluxError(
                Trouble.AWAY,
                f"{self._named()} cannot be reached: {what}. Is it up, and is the address right?",
            ) from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self.address.timeout_s, sock_connect=_CONNECT_S)
            connector = aiohttp.TCPConnector(
                limit=4, ssl=True if self.address.tls is None else self.address.tls
            )
            self._session = aiohttp.ClientSession(timeout=timeout, connector=connector, trust_env=False)
        return self._session

    def _refusal(self, status: int, answer: bytes) -> InfluxError:
        text, where, database = _shown(answer), self.address.where, self.address.database
        lower = text.lower()
        if status in (401, 403):
            trouble = Trouble.DENIED
            hint = f"Check {where}.token, or {where}.user and {where}.password, and what they may do"
        elif "field type conflict" in lower:
            trouble = Trouble.CONFLICT
            hint = f"Another program writes to these measurements: choose another {where}.measurement or database"
        elif "retention policy" in lower and "beyond" in lower:
            trouble = Trouble.EXPIRED
            hint = f"Give the retention policy of {database} a duration of at least store.keep.days"
        elif "not found" in lower or status == 404:
            trouble = Trouble.MISSING
            hint = f'CREATE DATABASE "{database}" on 1.x and 3.x; on 2.x, map a bucket to it (influx v1 dbrp create)'
        elif status in (400, 413, 422):
            trouble, hint = Trouble.UNREADABLE, "This is what it says of what it was sent"
        else:
            trouble, hint = Trouble.AWAY, "It is tried again"
        return InfluxError(trouble, f"{self._named()} answers {status}: {text}. {hint}")

    def _named(self) -> str:
        return f"InfluxDB at {self.address.url} ({self.address.where}.url)"


def _shown(answer: bytes) -> str:
    try:
        found = orjson.loads(answer)
        return str(found.get("error") or found.get("message") or found)[:_SHOWN]
    except (ValueError, AttributeError):
        return answer.decode(errors="replace").strip()[:_SHOWN] or "nothing"

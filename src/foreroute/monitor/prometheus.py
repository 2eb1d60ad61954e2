"""History from a Prometheus, or whatever speaks its HTTP API: range queries, in pieces that it accepts.

The form of the answers is that of https://prometheus.io/docs/prometheus/latest/querying/api/ (range queries).
"""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final

import orjson

from foreroute.core.errors import HistoryError

POINTS_MAX: Final = 11_000
"""Of one answer; Prometheus refuses a query for more."""
_TIMEOUT_S: Final = 60.0
_TRIES: Final = 4
_WAIT_S: Final = 1.0
_BYTES_MAX: Final = 64 * 1024 * 1024
_LATER: Final = frozenset({429, 502, 503, 504})
_AUTH: Final = "put the whole header into FOREROUTE_PROMETHEUS_AUTHORIZATION, such as `Bearer …` or `Basic …`"


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the authorization would go along to wherever it points."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeQuery:
    """`start_at` and `end_at` are whole steps; both are asked for."""

    query: str
    start_at: float
    end_at: float
    step_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """Raises HistoryError with the server's own words when it refuses. Waits between tries by `sleep`."""

    url: str
    sleep: Callable[[float], None]
    authorization: str | None = None

    def samples(self, asked: RangeQuery) -> Iterator[tuple[float, float]]:
        """(instant, value) in order. The query must give one series, or none where nothing was measured."""
        start_at, span_s = asked.start_at, asked.step_s * (POINTS_MAX - 1)
        while start_at <= asked.end_at:
            end_at = min(asked.end_at, start_at + span_s)
            yield from self._piece(asked, start_at, end_at)
            start_at = end_at + asked.step_s

    def _piece(self, asked: RangeQuery, start_at: float, end_at: float) -> Iterator[tuple[float, float]]:
        form = {"query": asked.query, "start": start_at, "end": end_at, "step": asked.step_s}
        data = self._ask(urllib.parse.urlencode(form).encode())
        series = data.get("result")
        if data.get("resultType") != "matrix" or not isinstance(series, list):
            raise HistoryError(f"answers a {data.get('resultType')}, not a range of values", where=self.url)
        if len(series) > 1:
            names = "; ".join(str(one.get("metric")) for one in series[:3])
            hint = "one series is one metric of one channel: choose with labels, or aggregate with sum() or avg()"
            raise HistoryError(f"the query gives {len(series)} series: {names}", where="--query", hint=hint)
        try:
            for one in series:
                for at, value in one["values"]:
                    yield float(at), float(value)
        except (KeyError, TypeError, ValueError):
            raise HistoryError("answers values that cannot be read", where=self.url) from None

    def _ask(self, form: bytes) -> dict[str, Any]:
        """One answer's data. Tries again what may work later."""
        for number in range(1, _TRIES + 1):
            try:
                return self._once(form)
            except _MayWorkLaterError as error:
                if number == _TRIES:
                    raise HistoryError(
                        f"{error} ({_TRIES} tries)", where=self.url, hint="is the address right?"
                    ) from None
                self.sleep(_WAIT_S * 2 ** (number - 1))
        raise AssertionError  # the last try has returned or raised

    def _once(self, form: bytes) -> dict[str, Any]:
        request = urllib.request.Request(self._address(), data=form, method="POST")  # noqa: S310 - see _address
        request.add_header("content-type", "application/x-www-form-urlencoded")
        if self.authorization:
            request.add_header("authorization", self.authorization)
        try:
            with urllib.request.build_opener(_StayHere).open(request, timeout=_TIMEOUT_S) as answer:
                return self._read(answer.read(_BYTES_MAX))
        except urllib.error.HTTPError as error:
            with error:
                said = _words(error.read(100_000))
            if error.code in _LATER:
                raise _MayWorkLaterError(f"answers {error.code}{said}") from None
            hint = _AUTH if error.code in (401, 403) else ""
            raise HistoryError(f"answers {error.code}{said}", where=self.url, hint=hint) from None
        except (OSError, HTTPException) as error:
            raise _MayWorkLaterError(f"nobody answers: {getattr(error, 'reason', None) or error}") from None

    def _address(self) -> str:
        try:
            parts = urllib.parse.urlsplit(self.url)
            is_http = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_http = False
        if not is_http:
            hint = "for example: --prometheus http://127.0.0.1:9090"
            raise HistoryError("is not an http or https address", where=self.url, hint=hint)
        return f"{self.url.rstrip('/')}/api/v1/query_range"

    def _read(self, raw: bytes) -> dict[str, Any]:
        try:
            data = orjson.loads(raw)["data"]
        except (orjson.JSONDecodeError, LookupError, TypeError):
            data = None
        if not isinstance(data, dict):
            hint = "the address is that of the server, without /api or /graph"
            raise HistoryError("answers, but not as Prometheus does", where=self.url, hint=hint)
        return data


class _MayWorkLaterError(Exception):
    """Tried again."""


def _words(raw: bytes) -> str:
    try:
        return f": {orjson.loads(raw)['error']}"
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return ""

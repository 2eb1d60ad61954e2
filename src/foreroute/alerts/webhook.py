"""Messages as HTTP POSTs in the format of Alertmanager's webhooks (version 4), so that its receivers understand them."""

import asyncio
import ssl
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import orjson

from foreroute import __version__
from foreroute.alerts.delivery import NotSent
from foreroute.alerts.values import Alert, Notice, Phase, Reason
from foreroute.alerts.words import block, duration, incident_link, subject

_TIMEOUT_S: Final = 10.0
_LATER: Final = frozenset({408, 425, 429})
_ALERTS_MAX: Final = 100
_NEVER: Final = "0001-01-01T00:00:00Z"
"""How the format says that there is no end yet."""


class WebhookSender:
    """Certificates are verified, redirects are not followed: the address leads to nobody but whom it names."""

    kind = "webhook"

    def __init__(self, url: str, *, external_url: str) -> None:
        self._url, self._external_url = url, external_url
        self._session: aiohttp.ClientSession | None = None

    async def send(self, notice: Notice) -> None:
        headers = {
            "content-type": "application/json",
            "user-agent": f"foreroute/{__version__}",
            "idempotency-key": notice.id,
        }
        body = orjson.dumps(payload(notice, self._external_url))
        try:
            async with self._open().post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status, after = answer.status, answer.headers.get("retry-after", "")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            # The library's own words may hold the address, and the address may hold a secret.
            raise NotSent(_words(error)) from None
        if not 200 <= status < 300:
            for_good = 300 <= status < 500 and status not in _LATER
            after_s = float(after) if after.isascii() and after.isdecimal() else None
            raise NotSent(f"it answers {status}", for_good=for_good, after_s=after_s)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # closed sockets report their end one turn of the loop later

    def _open(self) -> aiohttp.ClientSession:
        """No proxy of the environment, no cookies: nothing is kept from one message to the next but the connection."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


def payload(notice: Notice, external_url: str) -> dict[str, Any]:
    """The body, as Alertmanager's documentation describes it, with `notificationId` and `notificationReason` beside."""
    alerts = [_alert(alert, notice, external_url) for alert in notice.alerts[:_ALERTS_MAX]]
    return {
        "version": "4",
        "groupKey": notice.group_key,
        "truncatedAlerts": max(0, len(notice.alerts) - _ALERTS_MAX),
        "status": "resolved" if notice.is_over and notice.reason is not Reason.TEST else "firing",
        "receiver": notice.receiver,
        "groupLabels": dict(notice.group_labels),
        "commonLabels": _common([one["labels"] for one in alerts]),
        "commonAnnotations": _common([one["annotations"] for one in alerts]) | {"subject": subject(notice)},
        "externalURL": external_url,
        "alerts": alerts,
        "notificationId": notice.id,
        "notificationReason": notice.reason.value,
    }


def _alert(alert: Alert, notice: Notice, external_url: str) -> dict[str, Any]:
    is_over = alert.phase is Phase.RESOLVED
    notes = {
        "summary": alert.summary,
        "description": block(alert, notice.at, external_url),
        "requests_per_minute_affected": f"{alert.impact.requests_per_minute:.3g}",
        "done": "; ".join(alert.done),
        "advice": alert.advice,
        "channels": ", ".join(alert.members),
        "alert_id": alert.id,
        "incident_id": alert.incident,
        "duration": duration(alert.duration_s(notice.at)) if is_over else "",
    }
    return {
        "status": "resolved" if is_over else "firing",
        "labels": dict(alert.all_labels),
        "annotations": {name: text for name, text in notes.items() if text},
        "startsAt": _rfc3339(alert.since_at),
        "endsAt": _rfc3339(alert.resolved_at) if is_over and alert.resolved_at is not None else _NEVER,
        "generatorURL": incident_link(alert, external_url) or external_url,
        "fingerprint": alert.fingerprint,
    }


def _common(rows: list[dict[str, str]]) -> dict[str, str]:
    if not rows:
        return {}
    return {name: text for name, text in rows[0].items() if all(row.get(name) == text for row in rows)}


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_TIMEOUT_S:.0f} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError | ssl.SSLError):
        return "its certificate cannot be trusted, or TLS failed"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection: refused or unreachable"
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return "its address is not valid"
    return "the connection broke"

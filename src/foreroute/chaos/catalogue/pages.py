"""What proxies say in place of a provider: the pages that nginx, HAProxy and Envoy have built in, word by word."""

from typing import Final

from foreroute.chaos.fault import Expected, Fault, Kind
from foreroute.chaos.refusals import haproxy, nginx, page
from foreroute.core.failure import FailureClass as F

_NOT_THERE: Final = Expected(
    classes=frozenset({F.SERVER_ERROR, F.OVERLOADED, F.CONNECTION_REFUSED_OR_RESET}), asked_max=3
)
_LATE: Final = Expected(classes=frozenset({F.TIMEOUT_READ, F.SERVER_ERROR}), asked_max=3)
_DENIED: Final = Expected(classes=frozenset({F.PERMISSION_OR_REGION_DENIED}), asked_max=1)
_UNKNOWN: Final = Expected(classes=frozenset({F.MODEL_NOT_FOUND}), asked_max=1)
_LIMITED: Final = Expected(classes=frozenset({F.RATE_LIMITED}), asked_max=30)

PAGES: Final = (
    Fault(id="nginx_502", what="nginx: 502", act=nginx(502, "Bad Gateway"), expected=_NOT_THERE),
    Fault(id="nginx_503", what="nginx: 503", act=nginx(503, "Service Temporarily Unavailable"),
          expected=_NOT_THERE),
    Fault(id="nginx_504", what="nginx: 504", act=nginx(504, "Gateway Time-out"), expected=_LATE),
    Fault(id="nginx_413", what="nginx: 413, which is the request's fault, not the channel's",
          act=nginx(413, "Request Entity Too Large"),
          expected=Expected(classes=frozenset({F.CONTEXT_LENGTH_EXCEEDED, F.INVALID_REQUEST}))),
    Fault(id="nginx_429", what="nginx: 429 without a header", act=nginx(429, "Too Many Requests"),
          expected=_LIMITED),
    Fault(id="nginx_403", what="nginx: 403", act=nginx(403, "Forbidden"), expected=_DENIED),
    Fault(id="nginx_404", what="nginx: 404", act=nginx(404, "Not Found"), expected=_UNKNOWN),
    Fault(id="haproxy_502", what="HAProxy: 502",
          act=haproxy(502, "Bad Gateway", "The server returned an invalid or incomplete response."),
          expected=_NOT_THERE),
    Fault(id="haproxy_503", what="HAProxy: 503",
          act=haproxy(503, "Service Unavailable", "No server is available to handle this request."),
          expected=_NOT_THERE),
    Fault(id="haproxy_504", what="HAProxy: 504",
          act=haproxy(504, "Gateway Time-out", "The server didn't respond in time."), expected=_LATE),
    Fault(id="haproxy_429", what="HAProxy: 429 without a header",
          act=haproxy(429, "Too Many Requests", "You have sent too many requests in a given amount of time."),
          expected=_LIMITED),
    Fault(id="haproxy_403", what="HAProxy: 403",
          act=haproxy(403, "Forbidden", "Request forbidden by administrative rules."), expected=_DENIED),
    Fault(id="envoy_503", what="Envoy: no healthy upstream", act=page(503, "no healthy upstream", "text/plain"),
          expected=_NOT_THERE),
    Fault(id="envoy_reset", what="Envoy: upstream connect error",
          act=page(503, "upstream connect error or disconnect/reset before headers. "
                        "reset reason: connection termination", "text/plain"),
          expected=_NOT_THERE),
    Fault(id="envoy_504", what="Envoy: upstream request timeout",
          act=page(504, "upstream request timeout", "text/plain"), expected=_LATE),
    Fault(id="nginx_502_everywhere", what="nginx: 502 from all channels", act=nginx(502, "Bad Gateway"),
          kind=Kind.DOWN, everywhere=True, expected=Expected(classes=_NOT_THERE.classes)),
)  # fmt: skip

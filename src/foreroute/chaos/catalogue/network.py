"""Nothing that could be called an answer comes back."""

from typing import Final

from foreroute.chaos import acts
from foreroute.chaos.door import Certificate, Door
from foreroute.chaos.fault import Course, Expected, Fault
from foreroute.chaos.names import NameTrouble
from foreroute.core.failure import FailureClass as F

_REFUSED: Final = frozenset({F.CONNECTION_REFUSED_OR_RESET})
_UNCONNECTED: Final = frozenset({F.TIMEOUT_CONNECT, F.CONNECTION_REFUSED_OR_RESET, F.NETWORK_UNSPECIFIED})
_DNS: Final = frozenset({F.DNS_FAILURE})
_TLS: Final = frozenset({F.TLS_FAILURE})
_BY_NAME: Final = Course(named=True)
_UNKNOWN_NAME: Final = Course(named=True, warm_s=0.0)
_SECURE: Final = Course(secure=True)
_CERTIFICATE: Final = Expected(classes=_TLS, asked_max=1)

NETWORK: Final = (
    Fault(id="port_closed", what="nobody listens on the port", door=Door.CLOSED,
          expected=Expected(classes=_REFUSED, asked_max=3)),
    Fault(id="syn_black_hole", what="connections are dropped without a word", door=Door.BLACK_HOLE,
          expected=Expected(classes=_UNCONNECTED, within_s=3.2, asked_max=8)),
    Fault(id="never_answers", what="connections are taken, and no answer ever comes", act=acts.never,
          expected=Expected(classes=frozenset({F.TIMEOUT_READ}), within_s=20.5)),
    Fault(id="close_before_headers", what="the connection is closed before the head of the answer",
          act=acts.close_before_headers, expected=Expected(classes=_REFUSED, asked_max=3)),
    Fault(id="connection_reset", what="the connection is reset after the request", act=acts.reset,
          expected=Expected(classes=_REFUSED, asked_max=3), compared=True),
    Fault(id="nxdomain", what="the resolver says that the known name does not exist",
          names=NameTrouble.NXDOMAIN, course=_BY_NAME),
    Fault(id="servfail", what="the resolver fails for a known name",
          names=NameTrouble.SERVFAIL, course=_BY_NAME),
    Fault(id="resolver_silent", what="the resolver is silent about a known name",
          names=NameTrouble.SILENT, course=_BY_NAME, expected=Expected(within_s=2.5)),
    Fault(id="nxdomain_first", what="a name that was never found before does not exist",
          names=NameTrouble.NXDOMAIN, course=_UNKNOWN_NAME, expected=Expected(classes=_DNS, asked_max=3)),
    Fault(id="servfail_first", what="the resolver fails for a name that was never found before",
          names=NameTrouble.SERVFAIL, course=_UNKNOWN_NAME, expected=Expected(classes=_DNS, asked_max=3)),
    Fault(id="resolver_silent_first", what="the resolver is silent about a name that was never found before",
          names=NameTrouble.SILENT, course=_UNKNOWN_NAME,
          expected=Expected(classes=_DNS, within_s=3.2, asked_max=8)),
    Fault(id="certificate_expired", what="the certificate has ended", certificate=Certificate.EXPIRED,
          course=_SECURE, expected=_CERTIFICATE),
    Fault(id="certificate_wrong_host", what="the certificate is another host's",
          certificate=Certificate.WRONG_HOST, course=_SECURE, expected=_CERTIFICATE),
    Fault(id="certificate_unknown_ca", what="the certificate's authority is unknown",
          certificate=Certificate.UNKNOWN_CA, course=_SECURE, expected=_CERTIFICATE),
    Fault(id="plain_http_on_tls", what="plain HTTP on the TLS port", door=Door.PLAIN, course=_SECURE,
          expected=_CERTIFICATE),
    Fault(id="handshake_hang", what="the TLS handshake is never answered", door=Door.MUTE, course=_SECURE,
          expected=Expected(classes=_UNCONNECTED | _TLS, within_s=3.2, asked_max=8)),
)  # fmt: skip

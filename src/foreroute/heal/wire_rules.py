"""What network libraries say when no usable answer came, as an ordered table.

Name lookup comes first: the errors of later steps quote its text. The words are those of aiohttp, httpx, urllib3,
http.client, curl, Go's net/http, Node's undici, Rust's hyper and reqwest, Java's sockets and gRPC.
"""

from typing import Final

from foreroute.core.failure import FailureClass as F
from foreroute.heal.rules import Rules

# fmt: off
WIRE: Final[Rules] = (
    (F.DNS_FAILURE, (
        "getaddrinfo", "gaierror", "name or service not known", "name resolution", "nameresolution",
        "nodename nor servname", "enotfound", "eai_again", "no such host", "no address associated",
        "address lookup failed", ("resolve", "host"), ("resolving", "hostname"), "unknownhost",
        "lookup address", "dns", "nxdomain", "servfail", ("lookup", "server misbehaving"),
    )),
    (F.TIMEOUT_CONNECT, (
        "connecttimeout", "connect timeout", "connect_timeout", "connectiontimeout", "connection timeout",
        "connection timed out", "connect timed out", "connecting took too long",
        "handshake operation timed out", "handshake timeout", "handshake timed out", "etimedout",
        ("dial tcp", "i/o timeout"), ("failed to connect", "timeout"),
        ("failed to connect", "timed out"), "did not properly respond", "opentimeout", "open timeout", "timed out while connecting", "timeout while connecting",
    )),
    (F.TLS_FAILURE, (
        "certificate", "[ssl:", "[ssl]", "ssl routines", "sslerror", "ssleoferror", "sslv3", "ssl_error",
        "x509", "self-signed", "self signed", "self_signed", "leaf_signature", "cert_has_expired",
        "err_tls", "tls: ", "tls alert", "sslhandshake", "ssl handshake",
        "eof occurred in violation of protocol", "wrong version number", "secure tls connection",
        ("tls", "handshake fail"), ("ssl", "validation failed"), "ssl connect error", "packet length too long",
        "pkix", "fatal alert", "local issuer", "write eproto", "code eproto", "http response to https client",
        ("terminated", "handshake"),
    )),
    (F.STREAM_INTERRUPTED, (
        "without sending complete message body", "incomplete chunked read", "incompleteread",
        "chunk footer", "malformed encoding found in chunked", "chunkedencodingerror",
        "clientpayloaderror", "response payload is not completed", "contentlengtherror",
        "transferencodingerror", "transfer closed with", "stream ended", "mid-response", "mid-stream",
        "unexpected end of stream", "unexpected eof", "premature", "incomplete message",
        "stream disconnected", "was not closed cleanly", "typeerror: terminated", "stream error: stream id",
        "framing layer", "streamreset",
    )),
    (F.MALFORMED_RESPONSE, (
        "illegal status line", "bad status line", "badstatusline", "badhttpmessage", "bad content-length",
        "invalid content-length", "illegal chunk header", "invalidchunklength", "hpe_invalid", "hpe_",
        "does not match the http", "invalid http version", "malformed http", "weird server reply",
        "hexadecimal sequence in chunked", "http/0.9", "failed parsing http", "jsondecodeerror",
        "expecting value", "unterminated string", "decodingerror", "decodeerror", "while decompressing",
        "content unencoding", "incorrect header check", "not a gzipped", "z_data_error", "gzip:",
        "content-encoding", "codec can't decode", "invalid utf-8", "get json response", "not json",
        "invalid json", "not valid json", "invalid character '", "unexpected end of json", "unexpected token",
        "unexpected mimetype", "contenttypeerror", "in json at position", "error decoding response body",
        "failed to parse", "could not parse", "unable to parse", "parse error", "unparsable",
        "empty or invalid response", "empty response", "empty body", "no candidates", "has no choices",
        "no choices", "empty choices", "invalid response", "unexpected response", "nonetype",
        "has no attribute", "cannot read propert", "is not iterable", "list index out of range", "keyerror",
        "validation error for", "missing field",
    )),
    (F.TIMEOUT_READ, (
        "read timed out", "readtimeout", "read timeout", "timed out", "timeouterror", "request timeout",
        "headers_timeout", "body_timeout", "i/o timeout", "aborted due to timeout",
        "client.timeout", "deadline exceeded", "deadline_exceeded", "sockettimeout", "no data in time",
        "requesttimeout", "apitimeout", "idle timeout", "stream timeout",
    )),
    (F.CONNECTION_REFUSED_OR_RESET, (
        "refused", "connection reset", "connectionreset", "econnreset", "reset by peer", "recv failure",
        "server disconnected", "serverdisconnected", "remote end closed", "remotedisconnected",
        "connection aborted", "connection dropped", "connection was closed", "connection closed",
        "connection lost", "connection terminated", "connection_termination", "other side closed",
        "closed unexpectedly", "broken pipe", "brokenpipe", "epipe", "connection was reset", "connection was aborted",
        "connectionterminated", "connectionaborted", "socket closed", "empty reply", "socket hang up", "closed by peer",
        "connection attempts failed", "connect call failed", "failed to connect", "failed to reach",
        "could not connect to", "cannot connect to", "couldn't connect", "can't connect", "tcp connect error",
        "upstream connect error", "network is unreachable", "ehostunreach", "enetunreach", "host unreachable",
        "no route to host", "readerror", "writeerror", "forcibly closed", "goaway", "cancelling all calls",
        "und_err_socket", '": eof',
    )),
)
UNSPECIFIC: Final[Rules] = (
    (F.NETWORK_UNSPECIFIED, (
        "connection error", "connectionerror", "connecterror", "fetch failed", "unable to connect",
        "network error", "networkerror", "network connection", "error communicating", "error sending request",
        "no internet", "oserror", "ioexception", "err_connection", "err_network", "transport error",
        "protocolerror", "clienterror",
    )),
)
"""A network failed, and nobody says how: read when nothing else was said."""
# fmt: on

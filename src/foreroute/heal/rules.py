"""What failures say, as ordered tables. The first rule that fits decides, so the particular stands first.

A rule fits when any of its needles occurs in the lower-case text; a needle of several parts needs all of
them. Needles are words of providers, proxies and network libraries, never of one message.
"""

from typing import Final

from foreroute.core.failure import FailureClass as F

Needle = str | tuple[str, ...]
Rules = tuple[tuple[F, tuple[Needle, ...]], ...]

# fmt: off
WIRE: Final[Rules] = (
    (F.DNS_FAILURE, (
        "getaddrinfo", "gaierror", "name or service not known", "name resolution", "nameresolution",
        "nodename nor servname", "enotfound", "eai_again", "no such host", "dns", "no address associated",
        "address lookup failed", ("resolve", "host"), ("resolving", "hostname"),
    )),
    (F.TIMEOUT_CONNECT, (
        "connecttimeout", "connect timeout", "connectiontimeout", "connection timeout",
        "connection timed out", "connecting took too long", "handshake operation timed out",
        "handshake timeout", "etimedout",
    )),
    (F.TLS_FAILURE, (
        "certificate", "[ssl:", "[ssl]", "ssl routines", "sslerror", "ssleoferror", "sslv3", "ssl_error",
        "x509", "self-signed", "self signed", "eof occurred in violation of protocol",
        "wrong version number", "secure tls connection", ("tls", "handshake failed"),
        ("ssl", "validation failed"),
    )),
    (F.MALFORMED_RESPONSE, (
        "illegal status line", "bad status line", "badstatusline", "badhttpmessage", "bad content-length",
        "invalid content-length", "illegal chunk header", "invalidchunklength",
        "hexadecimal sequence in chunked", "http/0.9", "failed parsing http", "jsondecodeerror",
        "expecting value", "unterminated string", "decodingerror", "decodeerror", "while decompressing",
        "codec can't decode", "get json response", "not json", "invalid json", "empty or invalid response",
        "empty response", "no candidates", "has no choices", "invalid response object", "nonetype",
        "has no attribute", "keyerror",
    )),
    (F.STREAM_INTERRUPTED, (
        "without sending complete message body", "incomplete chunked read", "incompleteread",
        "chunk footer", "malformed encoding found in chunked", "chunkedencodingerror",
        "clientpayloaderror", "response payload is not completed", "contentlengtherror",
        "transferencodingerror", "transfer closed with", "stream ended before", "mid-response",
        "mid-stream", "unexpected end of stream",
    )),
    (F.TIMEOUT_READ, (
        "read timed out", "readtimeout", "read timeout", "timed out", "timeouterror", "request timeout",
        "client.timeout", "deadline exceeded", "deadline_exceeded", "sockettimeout", "no data in time",
    )),
    (F.CONNECTION_REFUSED_OR_RESET, (
        "refused", "connection reset", "connectionreset", "econnreset", "server disconnected",
        "serverdisconnected", "remote end closed", "remotedisconnected", "connection aborted",
        "connection dropped", "connection was closed", "connection closed", "closed unexpectedly",
        "broken pipe", "empty reply", "socket hang up", "connection attempts failed",
        "connect call failed", "failed to connect", "failed to reach", "could not connect to",
        "cannot connect to host", "couldn't connect", "upstream connect error", "network is unreachable",
        "no route to host", "readerror", "cancelling all calls",
    )),
)
"""What network libraries say when no usable answer came. Name lookup comes first: the errors of later steps
quote its text."""

ANSWERS: Final[Rules] = (
    (F.CONTEXT_LENGTH_EXCEEDED, (
        "context length", "context_length", "context size", "context window", "too large",
        "prompt is too long", "prompt too long", "input is too long", "larger than max",
        ("maximum", "tokens", "exceed"), ("input length", "exceeds"), ("token count", "exceeds"),
        "reduce the length", "reduce length",
    )),
    (F.CONTENT_FILTERED, (
        "content_filter", "content filter", "content management policy", "content policy", "responsibleai",
        "inappropriate content", "prompt was blocked", ("blocked by", "rule"), "safety system",
        "moderation", "prohibited content",
    )),
    (F.BACKEND_DEAD, (
        "out of memory", "cuda error", "cuda oom", "cublas", "outofmemory", "enginedead", "engine dead",
        "enginecore", "engine core", "system memory", "runner process has terminated", "runner crashed",
        "failed to start", "segmentation fault", "signal: killed", "core dumped",
    )),
    (F.COLD_START, (
        "loading model", "model is loading", "currently loading", "still loading", "warming up", "warm-up",
        "cold start", "model is not ready", "model not ready", "estimated_time",
        ("waiting for", "to start"),
    )),
    (F.RATE_LIMITED, (("quota", "per minute"), ("quota", "per_minute"), ("quota", "perminute"))),
    (F.QUOTA_EXHAUSTED, (
        "insufficient_quota", "insufficient quota", "insufficient balance", "insufficient credit",
        "insufficient funds", "credit balance", "out of credit", "no credits", "billing",
        "bill is overdue", "payment required", "payment method", "current quota", "allocated quota",
        "usage limit", "spending limit", "spend limit", "budget has been exceeded", "per day", "per_day",
        "perday", "daily limit", "monthly limit", "upgrade your plan", "good standing", "recharge",
    )),
    (F.AUTHENTICATION, (
        "invalid api key", "incorrect api key", "no api key", "missing api key", "invalid x-api-key",
        "invalid_api_key", "api_key_invalid", "wrong api key", ("api key", "invalid"),
        ("api key", "expired"), "api key format", "no credentials", "missing credentials",
        "authentication required", "authentication_error", "authentication fails",
        "failed to authenticate", "not authenticated", "unauthenticated", "invalid token",
        "token has expired", "security token", "authorization required",
    )),
    (F.UNSUPPORTED_FEATURE, (
        "not support tool", "support tool use", "does not support", "unsupported parameter",
        "unsupported_parameter", "unsupported value", "unsupported_value", "not supported with this model",
        "unsupported language", "unsupported api", "unsupported_api", "format is not supported",
        "unsupported operation", "operation is unsupported",
    )),
    (F.MODEL_NOT_FOUND, (
        "model_not_found", ("model", "does not exist"), ("model", "not found"), ("model", "no longer"),
        ("model", "decommissioned"), ("model", "deprecated"), ("model", "legacy"), ("model", "retired"),
        ("model", "end of life"), ("model", "can not be found"), ("not_found_error", "model:"),
        "not a valid model", "invalid model", "unknown model", "unsupported model",
        "model is not supported", "no such model", "deploymentnotfound", "no endpoints found",
        "inference profile",
    )),
    (F.PERMISSION_OR_REGION_DENIED, (
        "access denied", "accessdenied", "not authorized", "permission_denied", "permission denied",
        "no access to", "have access to", "operation not allowed", "request_forbidden",
        "unsupported_country", "country, region", "country region", "available in your",
        ("location", "not supported"),
    )),
    (F.OVERLOADED, (
        "overloaded", "at capacity", "no capacity", "capacity error", "insufficient capacity",
        "capacity_exhausted", "high demand", "server is busy", "too busy", "temporarily unavailable",
        "temporarily unable", "service unavailable", "no deployments available", "no healthy upstream",
        "reset reason: overflow", "queue is full",
    )),
    (F.RATE_LIMITED, (
        "rate limit", "rate_limit", "ratelimit", "too many requests", "too many tokens", "throttl",
        "resource_exhausted", "resource exhausted", "resource has been exhausted", "requests_per_",
        "tokens_per_",
    )),
    (F.TIMEOUT_READ, ("gateway time-out", "gateway timeout", "timed out", "timeout error")),
    (F.SERVER_ERROR, (
        "internal server error", "internal error", "server_error", "api_error", "bad gateway",
        "degraded function", "exception calling",
    )),
    (F.INVALID_REQUEST, ("invalid_request_error", "bad request", "invalid argument", "invalidparameter")),
)
"""What providers and proxies say in an error answer. Limits of one request stand before rate limits, and money
before rates, because their messages quote the same words."""
# fmt: on

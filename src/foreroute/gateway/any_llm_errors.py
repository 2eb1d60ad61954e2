"""What the exceptions of any-llm-sdk and of the providers' clients below it say: an answer, or a break in the wire. Pure.

Their classes are known by name, so that nothing has to be imported to read them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from foreroute.core.failure import FailureEvidence, Phase
from foreroute.gateway.wire.evidence import exception_evidence, mask

_LINKS_MAX: Final = 6
_WIRE: Final = frozenset(
    {
        ("aiohttp", "ClientError"), ("botocore", "ConnectionError"), ("botocore", "HTTPClientError"), ("builtins", "OSError"),
        ("httpcore", "NetworkError"), ("httpcore", "TimeoutException"), ("httpx", "TransportError"),
        ("httpx2", "TransportError"), ("requests", "RequestException"), ("urllib3", "HTTPError"),
        ("google", "TransportError"), ("openai", "APIConnectionError"), ("anthropic", "APIConnectionError"),
    }
)  # fmt: skip
"""(package, class) of what is raised when bytes do not get through."""
_PHASES: Final[Mapping[str, Phase]] = {
    "gaierror": Phase.DNS,
    "ClientConnectorDNSError": Phase.DNS,
    "NameResolutionError": Phase.DNS,
    "SSLError": Phase.TLS,
    "ClientSSLError": Phase.TLS,
    "ClientConnectorError": Phase.CONNECT,
    "ConnectError": Phase.CONNECT,
    "ConnectTimeout": Phase.CONNECT,
    "ConnectTimeoutError": Phase.CONNECT,
    "ConnectionTimeoutError": Phase.CONNECT,
    "ConnectionRefusedError": Phase.CONNECT,
    "EndpointConnectionError": Phase.CONNECT,
    "NewConnectionError": Phase.CONNECT,
}
_SAID: Final[Mapping[str, tuple[int, str | None]]] = {
    "AuthenticationError": (401, None),
    "ContentFilterError": (400, "content_filter"),
    "ContextLengthExceededError": (400, "context_length_exceeded"),
    "GatewayTimeoutError": (504, None),
    "InsufficientFundsError": (402, None),
    "InvalidRequestError": (400, None),
    "MissingApiKeyError": (401, None),
    "ModelNotFoundError": (404, "model_not_found"),
    "NotImplementedError": (400, "unsupported_operation"),
    "RateLimitError": (429, None),
    "UnsupportedParameterError": (400, "unsupported_parameter"),
    "UpstreamProviderError": (502, None),
}
"""What the library's classes mean when no status came."""
_WRITES: Final = frozenset({"_convert_completion_params"})
"""The library's step from OpenAI's parameters to the provider's: what fails there has not been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error answer, in OpenAI's form."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    retry_after: str | None = None
    """As in the header: seconds, or a date."""

    def headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json"}
        if self.retry_after is not None:
            headers["retry-after"] = self.retry_after
        return headers

    def body(self) -> bytes:
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return orjson.dumps({"error": error})


def refusal_of(error: Exception) -> Refusal | None:
    """The error answer that an exception stands for; None if there was none."""
    origin = _origin(error)
    said = _SAID.get(type(error).__name__)
    status, code = _status_of(error, origin), said[1] if said else None
    if status is None:
        if _is_wire(origin):
            return None
        if _is_unsendable(error, origin):
            status, code = 400, code or ("invalid_body" if _is_of_ours(origin) else "unsupported_parameter")
        elif _lacks_credentials(origin):
            status = 401
        elif said is not None:
            status = said[0]
        elif _boto(origin).get("Error"):
            status = 500  # an exception among the events of a stream, which have no status
        else:
            return None
    kind, named, message = _fields(error, origin)
    return Refusal(
        status=status,
        message=message,
        type=kind or ("invalid_request_error" if status < 500 else "server_error"),
        code=named or code,
        param=getattr(error, "parameter_name", None) or getattr(error, "param", None),
        retry_after=_retry_after(error, origin),
    )


def evidence_of(error: Exception, phase: Phase, status: int | None = None) -> FailureEvidence:
    """How far a talk had come that broke. What the library could not read is not quoted: it may be an answer."""
    if (refusal := refusal_of(error)) is not None:
        return FailureEvidence(
            phase=phase,
            status=status,
            error_type=refusal.type,
            error_code=refusal.code or "",
            message=refusal.message,
        )
    origin = _origin(error)
    if isinstance(origin, TimeoutError):
        said = exception_evidence(origin, phase, f"no data in time while waiting for the {phase.value}")
    elif _is_wire(origin):
        said = exception_evidence(origin, _phase_of(origin, phase))
    else:
        name = type(origin).__name__
        return FailureEvidence(
            phase=phase,
            status=status,
            error_code="malformed_response",
            message=f"the adapter could not read the answer ({name})",
            exception_chain=((name, ""),),
        )
    return replace(said, status=status)


def _origin(error: Exception) -> Exception:
    """The provider client's own exception, below the library's."""
    origin = getattr(error, "original_exception", None)
    return origin if isinstance(origin, Exception) else error


def _status_of(error: Exception, origin: Exception) -> int | None:
    metadata = _boto(origin).get("ResponseMetadata")
    told = metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None
    for value in (told, getattr(error, "status_code", None), getattr(origin, "code", None)):
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


def _fields(error: Exception, origin: Exception) -> tuple[str, str | None, str]:
    """(type, code, message), the message without secrets."""
    aws = _boto(origin).get("Error")
    if isinstance(aws, dict):
        return str(aws.get("Code") or ""), None, mask(str(aws.get("Message") or origin))[:500]
    message = _without_input(origin) or getattr(origin, "message", None)
    google = getattr(origin, "status", None)
    kind = google if isinstance(google, str) else getattr(error, "error_type", None)
    code = _detail(origin, "reason") or getattr(error, "code", None)
    return (
        kind if isinstance(kind, str) else "",
        code if isinstance(code, str) and code else None,
        mask(message if isinstance(message, str) and message else str(origin))[:500],
    )


def _without_input(origin: Exception) -> str | None:
    """What pydantic found wrong, without the values that it quotes: they may be a prompt."""
    if type(origin).__name__ != "ValidationError":
        return None
    found: Any = getattr(origin, "errors", lambda **_: [])(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)


def _retry_after(error: Exception, origin: Exception) -> str | None:
    said = getattr(error, "retry_after", None)
    if isinstance(said, str) and said:
        return said
    metadata = _boto(origin).get("ResponseMetadata")
    headers = metadata.get("HTTPHeaders") if isinstance(metadata, dict) else None
    if isinstance(headers, dict) and isinstance(wait := headers.get("retry-after"), str):
        return wait
    delay = _detail(origin, "retryDelay")  # google.rpc.RetryInfo: "13s"
    return delay[:-1] if delay is not None and delay.endswith("s") else None


def _boto(origin: Exception) -> Mapping[str, Any]:
    """AWS's client keeps the answer in a dict."""
    response = getattr(origin, "response", None)
    return response if isinstance(response, dict) else {}


def _detail(origin: Exception, name: str) -> str | None:
    """A field of one of Google's error details."""
    body = getattr(origin, "details", None)
    error = body.get("error") if isinstance(body, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(value := detail.get(name), str):
            return value
    return None


def _is_wire(error: Exception) -> bool:
    return any((kind.__module__.partition(".")[0], kind.__name__) in _WIRE for kind in type(error).__mro__)


def _phase_of(error: BaseException, otherwise: Phase) -> Phase:
    for link in _links(error):
        for kind in type(link).__mro__:
            if (phase := _PHASES.get(kind.__name__)) is not None:
                return phase
    return otherwise


def _links(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(_LINKS_MAX):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _is_of_ours(origin: Exception) -> bool:
    """The library's check of the request itself, before any provider's."""
    return getattr(origin, "title", None) == "CompletionParams"


def _is_unsendable(error: Exception, origin: Exception) -> bool:
    if _is_of_ours(origin):
        return True
    for link in _links(error):
        trace = link.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_name in _WRITES:
                return True
            trace = trace.tb_next
    return False


def _lacks_credentials(origin: Exception) -> bool:
    name, module = type(origin).__name__, type(origin).__module__
    return (module.startswith("botocore") and ("Credential" in name or "Token" in name)) or (
        module.startswith("google.auth") and name.endswith(("CredentialsError", "RefreshError"))
    )

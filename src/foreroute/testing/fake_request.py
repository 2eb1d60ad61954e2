"""What a fake provider was asked, read from ASGI, and whether a real one would refuse it."""

from collections.abc import Mapping
from typing import Any

import orjson

from foreroute.testing.fake_script import ProviderRequest


def read_request(path: str, scope: Mapping[str, Any], raw: bytes, at: float) -> ProviderRequest:
    body = _json_object(raw)
    text = orjson.dumps(body.get("messages") or body.get("prompt") or body.get("input") or "")
    system = orjson.dumps(body["system"]) if body.get("system") else b""
    limits = (body.get(name) for name in ("max_completion_tokens", "max_output_tokens", "max_tokens"))
    return ProviderRequest(
        path=path,
        model=str(body.get("model") or ""),
        stream=bool(body.get("stream")),
        prompt_tokens=max(1, (len(text) + len(system)) // 4),
        max_tokens=next((limit for limit in limits if limit), None),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        received_at=at,
        body=body,
        method=scope["method"],
        raw=raw,
    )


def refusal(request: ProviderRequest) -> str | None:
    """What a provider misses in a request for one of the model paths; None if nothing is missing."""
    if not request.body:
        return "The body must be a JSON object."
    if not request.model:
        return "You must provide a model parameter."
    if request.path == "/messages" and request.max_tokens is None:
        return "max_tokens: Field required"
    return None


def _json_object(raw: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}

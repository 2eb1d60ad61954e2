"""What every answer of the API has in common: JSON, and errors that say what would be right."""

from decimal import Decimal
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_BODY_BYTES_MAX: Final = 10_000


class Refusal(HTTPException):
    """An answer that is an error: what is wrong, and what would be right."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(status, message)
        self.hint = hint


async def refused(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    hint = error.hint if isinstance(error, Refusal) else ""
    headers = error.headers if isinstance(error, HTTPException) else None
    body = json_of({"error": {"message": detail, "hint": hint}})
    return Response(body, status, headers=headers, media_type="application/json")


async def body_of(request: Request) -> dict[str, Any]:
    parts, size = [], 0
    async for chunk in request.stream():
        parts.append(chunk)
        size += len(chunk)
        if size > _BODY_BYTES_MAX:
            raise Refusal(413, f"the body is larger than {_BODY_BYTES_MAX} bytes")
    try:
        body = orjson.loads(b"".join(parts) or b"{}")
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object")
    return body


def json_of(value: object) -> bytes:
    """NaN becomes null; money stays exact, as a string."""
    return orjson.dumps(value, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")

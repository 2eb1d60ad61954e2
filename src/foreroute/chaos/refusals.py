"""What providers say when they refuse, and what proxies say in their place."""

import asyncio
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, Final

from foreroute.chaos.acts import OVERLOADED, Act, Request, error_of, sound
from foreroute.chaos.exchange import Exchange

RETRY_AFTER_S: Final = 7
PAUSE_S: Final = 30.0
_LIMITED: Final = error_of("Rate limit reached for requests.", "requests", "rate_limit_exceeded")


def refuse(status: int, error: Any, headers: Mapping[str, str] | None = None) -> Act:
    async def act(exchange: Exchange, _request: Request) -> None:
        await exchange.plain(status, error, headers)

    return act


def limited(seconds: float) -> Act:
    return refuse(429, _LIMITED, {"retry-after": f"{seconds:g}"})


def limited_ms(seconds: float) -> Act:
    return refuse(429, _LIMITED, {"retry-after-ms": f"{seconds * 1000:g}"})


def limited_date(seconds: float, epoch_at: float) -> Act:
    """`Retry-After` as a date. Virtual time began at `epoch_at`."""

    async def act(exchange: Exchange, _request: Request) -> None:
        at = epoch_at + asyncio.get_running_loop().time() + seconds
        await exchange.plain(429, _LIMITED, {"retry-after": formatdate(at, usegmt=True)})

    return act


def limited_text(seconds: float) -> Act:
    """Only the message says when, as OpenAI's does."""
    message = f"Rate limit reached for requests. Please try again in {seconds:g}s."
    return refuse(429, error_of(message, "requests", "rate_limit_exceeded"))


def limited_to(per_s: float, burst: int) -> Callable[[], Act]:
    """A sliding limit that nothing announces: so many requests a second, a 429 without a header for the others."""

    def made() -> Act:
        left, since = float(burst), 0.0

        async def act(exchange: Exchange, request: Request) -> None:
            nonlocal left, since
            now = asyncio.get_running_loop().time()
            left, since = min(float(burst), left + (now - since) * per_s), now
            if left < 1.0:
                return await exchange.plain(429, _LIMITED)
            left -= 1.0
            return await sound(exchange, request)

        return act

    return made


overloaded: Final = refuse(503, OVERLOADED)
broken: Final = refuse(
    500, error_of("The server had an error while processing your request.", "server_error", None)
)
wrong_key: Final = refuse(
    401, error_of("Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
)
no_quota: Final = refuse(
    402, error_of("You exceeded your current quota.", "insufficient_quota", "insufficient_quota")
)
spend_limit: Final = refuse(
    400,
    error_of(
        "You have reached your specified API usage limits. You will regain access on 2026-12-01.",
        "invalid_request_error",
        None,
    ),
)
insufficient_quota: Final = refuse(
    429,
    error_of(
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
)
no_region: Final = refuse(
    403,
    error_of(
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
)
no_model: Final = refuse(
    404,
    error_of(
        "The model `gpt-4o-mini` has been deprecated, learn more here: https://platform.example/deprecations",
        "invalid_request_error",
        "model_not_found",
    ),
)
loading: Final = refuse(503, error_of("Loading model", "unavailable_error", None))


def too_long(characters_max: int) -> Act:
    """Refuses long prompts, as a model with a small context does."""
    error = error_of(
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 20017 tokens.",
        "invalid_request_error",
        "context_length_exceeded",
    )

    async def act(exchange: Exchange, request: Request) -> None:
        if sum(len(str(one.get("content"))) for one in request["messages"]) > characters_max:
            return await exchange.plain(400, error)
        return await sound(exchange, request)

    return act


def without(parameter: str) -> Act:
    """Refuses requests that have this member."""
    error = error_of(
        f"Unsupported parameter: '{parameter}' is not supported with this model.",
        "invalid_request_error",
        "unsupported_parameter",
    )
    error["error"]["param"] = parameter

    async def act(exchange: Exchange, request: Request) -> None:
        if parameter in request:
            return await exchange.plain(400, error)
        return await sound(exchange, request)

    return act


def poisoned(by: str) -> Act:
    """A bug of the server's: one prompt brings it down, every other is answered."""

    async def act(exchange: Exchange, request: Request) -> None:
        if any(by in str(one.get("content")) for one in request["messages"]):
            return await broken(exchange, request)
        return await sound(exchange, request)

    return act


def page(status: int, body: str, kind: str = "text/html") -> Act:
    async def act(exchange: Exchange, _request: Request) -> None:
        await exchange.bytes(status, body.encode(), kind)

    return act


def nginx(status: int, phrase: str) -> Act:
    """The page that nginx has built in."""
    title = f"{status} {phrase}"
    return page(
        status,
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx/1.28.0</center>\r\n</body>\r\n</html>\r\n",
    )


def haproxy(status: int, phrase: str, words: str) -> Act:
    """The page that HAProxy has built in."""
    return page(status, f"<html><body><h1>{status} {phrase}</h1>\n{words}\n</body></html>\n")

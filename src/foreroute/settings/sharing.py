"""What gateways on several machines share, and what they do when they cannot."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from foreroute.settings.section import Name, Section
from foreroute.settings.units import Duration


class RedisSettings(Section):
    """A Redis (7 or later) or Valkey that all gateways use, for limits and budgets of all of them together. Needs the
    extra `redis`.
    """

    url: SecretStr | None = None
    """`${REDIS_URL}`, such as `rediss://user:password@redis.internal:6379/0`; `rediss` is TLS."""
    url_file: Path | None = None
    """A file that holds the url and nothing else, read at the start."""
    ca_file: Path | None = None
    """Who signed the server's certificate; without it those that the system trusts."""
    prefix: Name = "foreroute"
    """Of every key there. Gateways with different ones share nothing."""
    timeout: Duration = Field(0.05, ge=0.005, le=1.0)
    """So long a request waits for it at most. A server that is slower counts as lost."""

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("redis has exactly one of url and url_file, such as url: ${REDIS_URL}")
        if self.url is not None and not is_redis(self.url.get_secret_value()):
            raise ValueError("the url is not one of a Redis: redis://HOST:PORT/0, or rediss:// for TLS")
        return self


class SharedSettings(Section):
    """What several gateways share; without it each keeps its limits alone."""

    redis: RedisSettings | None = None
    budgets_when_lost: Literal["closed", "open"] = "closed"
    """While it cannot be reached: `closed` refuses what a hard budget bounds (503), `open` serves it and counts it
    afterwards. Rates and parallel requests are divided by the gateways that were seen last, either way."""


def is_redis(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False

"""The connection to Redis or Valkey, over TLS where its address says so, and the script that keeps accounts there."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from foreroute.core.errors import MissingExtra, StoreError, StoreUnavailable
from foreroute.store.redis_calls import Command, Wire

_VERSION_MIN: Final = 7
_ALWAYS: Final = frozenset({"settle", "extend", "restore", "bye"})
"""Done also when the server's memory is full: they let go of more than they take."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    url: str = field(repr=False)
    """`redis://`, or `rediss://` for TLS; user, password and database in it."""
    name: str = "redis"
    """As people may see it: without a password."""
    ca_file: str | None = None
    """Who signed the server's certificate; None: those that the system trusts."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    run_id: str
    version: str
    is_replica: bool
    policy: str
    """What it throws away when its memory is full: `noeviction` is nothing."""


def scripts() -> tuple[str, str]:
    """The script as it is refused, and as it is done, when the server's memory is full."""
    body = resources.files("foreroute.store").joinpath("lua/accounts.lua").read_text(encoding="utf-8")
    return f"#!lua\n{body}", f"#!lua flags=allow-oom\n{body}"


class RedisWire:
    """A command is the operation and what follows it in the script's ARGV."""

    def __init__(self, client: Any, prefix: str) -> None:
        self._client, self._prefix = client, prefix
        self._hashes = [hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in scripts()]
        self.facts: ServerFacts | None = None

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        pipe = self._client.pipeline(transaction=False)
        for command in commands:
            name = self._hashes[1 if command[0] in _ALWAYS else 0]
            pipe.execute_command("EVALSHA", name, 1, self._prefix, *command)
        return list(await pipe.execute(raise_on_error=False))

    async def prepare(self) -> None:
        """Raises StoreError with a sentence when it is no server that can be used."""
        pipe = self._client.pipeline(transaction=False)
        pipe.info("server").info("memory").info("replication")
        server, memory, replication = await pipe.execute()
        version = str(server.get("valkey_version", server["redis_version"]))
        self.facts = ServerFacts(
            str(server["run_id"]),
            version,
            replication.get("role") != "master",
            str(memory.get("maxmemory_policy", "noeviction")),
        )
        if int(version.split(".", maxsplit=1)[0]) < _VERSION_MIN:
            raise StoreError(f"it is Redis {version}; accounts need Redis 7, or Valkey 7.2, or a later one")
        if self.facts.is_replica:
            raise StoreUnavailable("it is a replica, which cannot be written: name the primary")
        for text in scripts():
            await self._client.script_load(text)

    async def close(self) -> None:
        await self._client.aclose()


def connector(address: RedisAddress, prefix: str, connect_timeout_s: float) -> Callable[[], Any]:
    """Opens a connection that is ready for calls. Raises MissingExtra at once."""
    redis = _client()
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    more: dict[str, Any] = {}
    if address.url.startswith("rediss://") and address.ca_file is not None:
        more["ssl_ca_certs"] = address.ca_file

    async def connect() -> Wire:
        client = redis.Redis.from_url(
            address.url,
            decode_responses=True,
            single_connection_client=True,
            socket_connect_timeout=connect_timeout_s,
            retry=Retry(NoBackoff(), 0),
            client_name="foreroute",
            **more,
        )
        wire = RedisWire(client, prefix)
        try:
            await wire.prepare()
        except BaseException:
            await wire.close()
            raise
        return wire

    return connect


def _client() -> Any:
    try:
        import redis.asyncio  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtra("redis", "redis", "sharing limits and budgets between gateways") from None
    return redis.asyncio

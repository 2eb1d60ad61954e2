"""Opens shared accounts: their connection, and the beat by which replicas count each other."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from foreroute.core.accounts import LEASE_S
from foreroute.store.redis_accounts import RedisAccounts
from foreroute.store.redis_calls import LinkSettings, Wire
from foreroute.store.redis_link import RedisLink
from foreroute.store.redis_wire import RedisAddress, RedisWire, connector

_log: Final = logging.getLogger("foreroute.shared")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSettings:
    address: RedisAddress
    member: str
    """This gateway's name among its replicas."""
    prefix: str = "foreroute"
    """Of every key there: houses with different ones do not see each other."""
    link: LinkSettings = field(default_factory=LinkSettings)
    lease_s: float = LEASE_S
    own_time: bool = False


def open_shared(
    settings: SharedSettings, now: Callable[[], float], new_id: Callable[[], int]
) -> RedisAccounts:
    """Begins to connect; whoever cannot wait asks at once and is told that it is not up. Raises MissingExtra."""
    accounts = RedisAccounts(
        settings.member, now, new_id, lease_s=settings.lease_s, own_time=settings.own_time
    )
    connect = connector(settings.address, f"{{{settings.prefix}}}:", settings.link.connect_timeout_s)

    async def greet(wire: Wire, is_new: bool) -> None:
        facts = wire.facts if isinstance(wire, RedisWire) else None
        if is_new and facts is not None and facts.policy != "noeviction":
            _log.warning("shared_state_may_be_evicted", extra={"maxmemory_policy": facts.policy})
        await accounts.greet(wire, is_new, "" if facts is None else facts.run_id)

    accounts.link = RedisLink(connect, greet, settings.link, now)
    return accounts


async def close_shared(accounts: RedisAccounts, patience_s: float = 1.0) -> None:
    """Tells what is due, as far as that is possible in the time, and says goodbye."""
    link = accounts.link
    if link is None:
        return
    await link.farewell(accounts.goodbye(), patience_s)
    await link.aclose()

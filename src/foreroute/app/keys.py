"""Virtual keys and what they have spent, from the store to the gateway."""

from foreroute.app.plane import Plane
from foreroute.core.keys import KeyBook
from foreroute.core.ports import Clock, KeyedStore, Store
from foreroute.core.windows import Window, window_end, window_start
from foreroute.gateway.account_seed import windows_of
from foreroute.gateway.keyring import Keyring


async def load_keys(store: Store, data: Plane, clock: Clock) -> Keyring:
    """At the start and after every change. The gateway takes them over between two requests."""
    if not isinstance(store, KeyedStore):
        return Keyring(KeyBook())
    book, at = await store.keys.read(), clock.now()
    spends = {
        window: await store.key_spend.spend_by_key(
            start_at=window_start(window, at), end_at=window_end(Window.HOUR, at)
        )
        for window in windows_of(book)
    }
    data.take_keys(book, spends, at)
    return Keyring(book)

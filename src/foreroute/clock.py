"""The only reader of time. Everything else is handed a `Clock` (see `foreroute.core.ports`)."""

import asyncio
import time


class SystemClock:
    """The machine's clock. `sleep_until` re-checks after waking, so a stepped clock cannot end it early."""

    def now(self) -> float:
        return time.time()

    async def sleep_until(self, at: float) -> None:
        while (left := at - time.time()) > 0:  # noqa: ASYNC110 - waits for an instant, not for an event
            await asyncio.sleep(min(left, 60.0))

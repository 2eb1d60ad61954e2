"""The users of a scenario, over HTTP, each at the moment of its request; what they see is what counts."""

import asyncio
import math
from collections.abc import Sequence

import aiohttp
import orjson

from bench.twin.pace import Now
from foreroute.core.ids import RequestId
from foreroute.simulate.compare_figures import Wait
from foreroute.simulate.request import Request


class Users:
    """Everybody streams. `waits` holds each request that has ended; its cost is not known to users."""

    def __init__(self, url: str, headers: dict[str, str], pace: Now) -> None:
        self._url, self._headers, self._pace = url, headers, pace
        self.waits: dict[RequestId, Wait] = {}
        self.late_s = 0.0
        """The longest that a request was sent after its time, for want of a free processor."""

    async def send(self, requests: Sequence[Request]) -> None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=600)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
            for request in requests:
                await asyncio.sleep(max(0.0, request.at - self._pace.now()))
                self.late_s = max(self.late_s, self._pace.now() - request.at)
                group.create_task(self._one(session, request))

    async def _one(self, session: aiohttp.ClientSession, request: Request) -> None:
        body = orjson.dumps(
            {
                "model": request.route,
                "stream": True,
                "user": request.id,
                "messages": [{"role": "user", "content": "x" * 4 * request.input_tokens}],
            }
        )
        sent_at = self._pace.now()
        first_s, attempts, whole = math.inf, 0, b""
        try:
            async with session.post(self._url, data=body, headers=self._headers) as response:
                attempts = int(response.headers.get("x-foreroute-attempts", "0"))
                async for chunk in response.content.iter_any():
                    whole += chunk
                    if first_s == math.inf and response.status == 200 and b'"content":"' in whole:
                        first_s = self._pace.now() - sent_at
        except (aiohttp.ClientError, TimeoutError, OSError):
            first_s = math.inf
        good = whole.rstrip().endswith(b"data: [DONE]") and b'"error"' not in whole
        self.waits[request.id] = Wait(first_s if good else math.inf, attempts, 0.0)

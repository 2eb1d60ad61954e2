"""Virtual keys at the admin API: one may look, one may change, the others may not enter."""

from typing import Any

import pytest

from foreroute.core.keys import Role
from foreroute.dashboard.door import Door
from foreroute.testing.streaming_asgi import stream

ROLES = {"look": Role.READ, "change": Role.ADMIN, "call": Role.CALL}


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"in", "more_body": False})


@pytest.mark.parametrize(
    ("key", "method", "status"),
    [
        ("secret", "POST", 200), ("look", "GET", 200), ("look", "POST", 403), ("change", "GET", 200),
        ("change", "POST", 200), ("call", "GET", 401), ("nobody", "GET", 401), ("", "GET", 401),
    ],
)  # fmt: skip
async def test_what_each_role_opens(key: str, method: str, status: int) -> None:
    door = Door(app, admin_key="secret", role_of=ROLES.get)
    headers = {"host": "127.0.0.1", "content-type": "application/json", "authorization": f"Bearer {key}"}
    async with stream(door, method, "/api/keys", headers=headers) as response:
        assert response.status == status

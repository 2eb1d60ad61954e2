"""Who is let in, and what a virtual key does not open."""

import secrets
from dataclasses import replace

import pytest

from foreroute.core.ids import KeyId
from foreroute.core.keys import KeyBook, Role
from foreroute.gateway.door import Caller, Door
from foreroute.gateway.keyring import Keyring, new_key
from foreroute.gateway.wire.errors import ErrorAnswer


def headers(key: str) -> dict[bytes, bytes]:
    return {b"authorization": b"Bearer " + key.encode()}


def test_an_open_door_lets_anyone_in_until_there_is_a_key() -> None:
    door = Door({})
    assert door.let_in({}, 0.0) == Caller()
    plain, key = new_key(secrets.token_bytes, name="ann", at=0.0)
    door.ring = Keyring(KeyBook(keys=(key,)))
    assert isinstance(door.let_in({}, 0.0), ErrorAnswer)
    found = door.let_in(headers(plain), 0.0)
    assert isinstance(found, Caller)
    assert found.key_id == key.id


def test_deleting_the_last_key_does_not_open_the_door() -> None:
    _, key = new_key(secrets.token_bytes, name="ann", at=0.0)
    door = Door({})
    door.ring = Keyring(KeyBook(keys=(replace(key, digest=b"", deleted_at=1.0),)))
    assert isinstance(door.let_in({}, 2.0), ErrorAnswer)


def test_a_shut_door_lets_nobody_in_before_the_keys_are_known() -> None:
    door = Door({"00": KeyId("static")}, shut=True)
    refused = door.let_in(headers("any"), 0.0)
    assert isinstance(refused, ErrorAnswer)
    assert (refused.status, refused.retry_after_s) == (503, 1.0)
    door.ring = Keyring(KeyBook())
    assert isinstance(door.let_in(headers("any"), 0.0), ErrorAnswer)
    door.adopt({})
    assert door.let_in({}, 0.0) == Caller()


@pytest.mark.parametrize("role", [Role.READ, Role.ADMIN])
def test_a_key_of_the_admin_api_does_not_open_the_models(role: Role) -> None:
    plain, key = new_key(secrets.token_bytes, name="ops", at=0.0)
    door = Door({})
    door.ring = Keyring(KeyBook(keys=(replace(key, role=role),)))
    refused = door.let_in(headers(plain), 0.0)
    assert isinstance(refused, ErrorAnswer)
    assert (refused.status, refused.code) == (403, "wrong_role")

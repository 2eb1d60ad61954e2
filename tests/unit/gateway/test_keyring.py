"""Keys are made, recognised, closed and asked for models."""

import fnmatch
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.keys import NO_LIMITS, KeyBook, Limits, Team, TeamId, VirtualKey, key_scope, team_scope
from foreroute.gateway.keyring import (
    Keyring,
    Known,
    Refused,
    id_of,
    may_use,
    new_id,
    new_key,
    new_secret,
)
from foreroute.gateway.keys import known_key

AT = 1_772_442_000.0
TEAM = Team(id=TeamId("t"), name="team", models=("gpt-*",), limits=Limits(parallel_max=3), created_at=AT)


def bytes_of(seed: int) -> Callable[[int], bytes]:
    return Random(seed).randbytes


def a_key(seed: int = 1, **more: Any) -> tuple[str, VirtualKey]:
    plaintext, key = new_key(bytes_of(seed), name="test", at=AT)
    return plaintext, replace(key, **more)


def ring(*keys: VirtualKey, teams: tuple[Team, ...] = (TEAM,)) -> Keyring:
    return Keyring(KeyBook(keys, teams))


def test_a_key_says_which_it_is_and_keeps_its_secret_out_of_what_is_stored() -> None:
    plaintext, key = a_key()
    prefix, kind, name, secret = plaintext.split("-", 3)
    assert (prefix, kind, name, len(secret)) == ("sk", "fr", key.id, 43)
    assert len(key.id) == 12
    assert key.id.isalnum()
    assert key.digest == hmac.new(key.salt, secret.encode(), hashlib.sha256).digest()
    assert (len(key.salt), key.hint) == (16, plaintext[-4:])
    assert secret not in repr(key)
    assert key.digest.hex() not in repr(key)
    assert repr(key.digest) not in repr(key)


def test_no_two_keys_are_alike() -> None:
    made = [new_key(secrets.token_bytes, name="", at=AT) for _ in range(200)]
    assert len({plaintext for plaintext, _ in made}) == 200
    assert len({key.id for _, key in made}) == 200
    assert len({key.salt for _, key in made}) == 200
    assert len({new_id(secrets.token_bytes) for _ in range(200)}) == 200


def test_a_known_key_is_found_with_its_team_and_whose_leave_it_needs() -> None:
    plaintext, key = a_key(team=TEAM.id, limits=Limits(requests_per_minute=5))
    _, other = a_key(2)
    found = ring(key, other).find(plaintext, AT)
    assert isinstance(found, Known)
    assert (found.key, found.team) == (key, TEAM)
    assert found.scopes == (key_scope(key), team_scope(TEAM))
    assert (found.scopes[0].id, found.scopes[1].id) == (f"key:{key.id}", "team:t")


def test_without_limits_nobodys_leave_is_needed() -> None:
    plaintext, key = a_key()
    found = ring(key).find(plaintext, AT)
    assert isinstance(found, Known)
    assert key.limits == NO_LIMITS
    assert found.scopes == ()


def test_what_is_not_exactly_a_key_is_unknown() -> None:
    plaintext, key = a_key()
    other, _ = a_key(2)
    keys = ring(key)
    secret = plaintext.rpartition(key.id)[2]
    wrong = [
        plaintext[:-1], plaintext + "A", plaintext.upper(), plaintext[6:], f" {plaintext}", other, "", "sk-fr-",
        f"sk-fr-{key.id}", f"sk-fr-{key.id}-", f"sk-fr{secret}", f"sk-fr-{secret}", "sk-fr--", "ü" * 60, "\ud800",
        f"sk-fr-{key.id}-\ud800", plaintext.replace("sk-fr-", "sk-"), f"sk-fr-{other[6:18]}{secret}",
    ]  # fmt: skip
    assert {keys.find(presented, AT) for presented in wrong} == {Refused("unknown")}


def test_a_closed_key_says_why_to_those_only_who_have_its_secret() -> None:
    plaintext, key = a_key()
    for changes, reason in (
        ({"disabled": True}, "disabled"),
        ({"expires_at": AT}, "expired"),
        ({"team": TeamId("gone")}, "disabled"),
        ({"deleted_at": AT}, "unknown"),
    ):
        keys = ring(replace(key, **changes))
        assert keys.find(plaintext, AT) == Refused(reason)  # type: ignore[arg-type]
        assert keys.find(plaintext[:-4] + "AAAA", AT) == Refused("unknown")
    assert isinstance(ring(replace(key, expires_at=AT)).find(plaintext, AT - 0.001), Known)


def test_a_key_of_a_deleted_team_is_closed() -> None:
    plaintext, key = a_key(team=TEAM.id)
    assert ring(key, teams=(replace(TEAM, deleted_at=AT),)).find(plaintext, AT) == Refused("disabled")


def test_an_empty_digest_is_equal_to_nothing() -> None:
    _, key = a_key()
    keys = ring(replace(key, salt=b"", digest=b""))
    assert len(keys) == 0
    assert keys.find(f"sk-fr-{key.id}-", AT) == Refused("unknown")


def test_deleting_the_last_key_leaves_the_door_locked() -> None:
    _, key = a_key()
    assert not ring().locks
    assert ring(key).locks
    gone = ring(replace(key, salt=b"", digest=b"", deleted_at=AT))
    assert (len(gone), gone.locks) == (0, True)


def test_a_new_secret_ends_the_old_one() -> None:
    old, key = a_key()
    new, rotated = new_secret(bytes_of(9), key)
    assert (rotated.id, rotated.name) == (key.id, key.name)
    assert ring(rotated).find(old, AT) == Refused("unknown")
    assert isinstance(ring(rotated).find(new, AT), Known)


def test_an_unknown_id_costs_a_comparison_too(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = hmac.compare_digest

    def note(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", note)
    plaintext, key = a_key()
    for presented in (plaintext, f"sk-fr-nobody-{'x' * 43}", "else"):
        ring(key).find(presented, AT)
    assert compared == [(32, 32)] * 3


def test_the_public_part_of_a_key() -> None:
    plaintext, key = a_key()
    assert id_of(plaintext) == key.id
    assert [
        id_of(text) for text in ("", "sk-abc", "sk-fr-", f"sk-fr-{key.id}", f"sk-fr-{key.id}-", "sk-fr--x")
    ] == [None] * 6


def test_static_keys_work_beside() -> None:
    plaintext, key = a_key()
    static = {hashlib.sha256(b"sk-static").hexdigest(): key.id}
    assert known_key("sk-static", static) == key.id
    assert known_key(plaintext, static) is None
    assert ring(key).find("sk-static", AT) == Refused("unknown")


GLOBS = st.lists(st.text("ab*?[]!-./", max_size=6), max_size=3)


@given(GLOBS, GLOBS, st.text("ab[]-./*?\n", max_size=6))
def test_globs_mean_what_fnmatch_says_and_key_and_team_must_both_agree(
    mine: list[str], teams: list[str], model: str
) -> None:
    expected = all(
        not globs or any(fnmatch.fnmatchcase(model, glob) for glob in globs) for globs in (mine, teams)
    )
    team = replace(TEAM, models=tuple(teams))
    plaintext, key = a_key(team=team.id, models=tuple(mine))
    found = ring(key, teams=(team,)).find(plaintext, AT)
    assert isinstance(found, Known)
    assert found.may_use(model) is may_use(key, team, model) is expected


def test_case_matters_in_models() -> None:
    _, key = a_key(models=("gpt-4*", "claude-?"))
    assert [may_use(key, None, model) for model in ("gpt-4o", "GPT-4o", "claude-3", "claude-35", "my-gpt-4")] == [
        True, False, True, False, False,
    ]  # fmt: skip

"""Small inputs that would take for ever or fill the memory: patterns, YAML, and what playbooks are made of."""

from collections.abc import Iterator
from time import process_time

import pytest

from foreroute.core.errors import ConfigError
from foreroute.core.ids import KeyId
from foreroute.core.keys import KeyBook, VirtualKey
from foreroute.gateway.keyring import may_use
from foreroute.gateway.wire.evidence import mask, said_wait_s
from foreroute.heal.playbooks.document import parse_playbooks
from foreroute.settings import parse_settings

NEVER_S = 20.0
"""What explodes takes years: this is no measurement."""


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    began = process_time()
    yield
    assert process_time() - began < NEVER_S


def test_globs_of_keys_do_not_explode() -> None:
    key = VirtualKey(
        id=KeyId("k"),
        name="k",
        salt=b"",
        digest=b"",
        hint="",
        created_at=0.0,
        models=("*a" * 60 + "*c", "?*" * 60 + "c"),
    )
    assert KeyBook(keys=(key,)).keys
    assert not may_use(key, None, "a" * 5000 + "\n" + "b")


@pytest.mark.parametrize(
    "text",
    [
        "retry after " + "1 s " * 5000,
        "try again in " + "9" * 50_000,
        "api_key: " * 20_000,
        "sk-" * 30_000,
        "'" * 50_000,
    ],
)
def test_an_errors_words_do_not_explode(text: str) -> None:
    mask(text)
    said_wait_s(text)


BOMBS = {
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{n}: &{n} [{','.join([f'*{p}'] * 9)}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "itself": "a: &a [*a]\n",
    "deep": "a: " + "[" * 20_000,
    "deep maps": "{a: " * 5_000,
    "keys": "".join(f"k{n}: 1\n" for n in range(3_000)),
    "number": "a: " + "9" * 100_000,
    "merge": "a: &a {x: 1}\nb:\n  <<: [" + ",".join(["*a"] * 5_000) + "]\n",
    "python": "a: !!python/object/apply:os.system [id]\n",
    "timestamp": "a: 99999-99-99 99:99:99\n",
    "scalar": "a: '" + "x" * 2_000_000 + "'\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_configuration_that_is_a_bomb_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        parse_settings(BOMBS[name].encode(), name="bomb.yaml", environment={})


@pytest.mark.parametrize("name", BOMBS)
def test_playbooks_that_are_a_bomb_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        parse_playbooks(BOMBS[name], source="bomb.yaml")

"""The promises that are fuzzed for hours elsewhere, for a moment in every run."""

from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.run import SEEDS
from tests.fuzz.targets import TARGETS, body, config, path, sse, usage

WORDS = st.sampled_from(
    ["model", "messages", "usage", "prompt_tokens", "completion_tokens", "usageMetadata", "meta", "billed_units", "choices",
     "stream", "stream_options", "channels", "routes", "id", "targets", "price", "error", "message", "data", "type"]
)  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=16,
)


@pytest.mark.parametrize("name", SEEDS)
def test_every_target_takes_its_seeds_and_what_is_near_them(name: str) -> None:
    target: Callable[[bytes], None] = TARGETS[name]
    for seed in SEEDS[name]:
        for at in range(len(seed)):
            target(seed[:at])
            target(seed[:at] + b"\xff" + seed[at + 1 :])
        target(seed)


@given(st.dictionaries(WORDS, VALUES, max_size=6).map(orjson.dumps))
def test_structured_input_keeps_the_promises(data: bytes) -> None:
    body(data)
    usage(data)
    config(data)
    sse(b"\x05data: " + data + b"\n\n")


@given(st.binary(max_size=200))
def test_any_bytes_keep_the_promises(data: bytes) -> None:
    for target in (body, usage, config, sse, path):
        target(data)

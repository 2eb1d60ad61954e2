import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.failure import FailureEvidence, Phase
from foreroute.gateway.wire.unquoted import unquoted

BODY = json.dumps(
    {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "My patient\nMaria Schröder, born 1961-04-02, case Q77x12"}],
        "tools": [{"function": {"name": "look_up"}}],
    }
).encode()


def kept(message: str, body: bytes = BODY) -> str:
    evidence = FailureEvidence(phase=Phase.HEADERS, status=400, message=message, body_head=message)
    found = unquoted(evidence, body)
    assert found.body_head == ""
    return found.message


@pytest.mark.parametrize(
    ("said", "is_kept"),
    [
        (
            "Rate limit reached for gpt-4o-mini in organization org-1",
            "Rate limit reached for gpt-4o-mini in organization org-1",
        ),
        ("Unsupported parameter: 'max_tokens'", "Unsupported parameter: 'max_tokens'"),
        ("Invalid value: 'Maria'. Expected a list", "Invalid value: '…'. Expected a list"),
        ("Cannot read: My patient Maria Schröder, born", "Cannot read: …"),
        ("my patient maria schröder was too long", "… was too long"),
        ("no such case Q77x12 here", "no such case … here"),
        ("the patient is fine", "the patient is fine"),
        ("", ""),
    ],
)
def test_what_the_request_says_is_cut_out(said: str, is_kept: str) -> None:
    assert kept(said) == is_kept


def test_of_a_large_request_the_code_alone_is_kept() -> None:
    evidence = FailureEvidence(
        phase=Phase.HEADERS, status=400, error_code="too_long", message="My patient Maria"
    )
    assert unquoted(evidence, b" " * 100_000 + BODY).message == "too_long"


def test_a_form_is_compared_as_it_is() -> None:
    assert kept("what is 'secret words'?", b"--x\r\n\r\nsecret words\r\n--x--") == "what is '…'?"


@given(
    st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=8), min_size=3, max_size=30),
    st.text(max_size=40),
)
def test_no_three_words_of_a_prompt_in_a_row_are_ever_kept(words: list[str], around: str) -> None:
    prompt = " ".join(words)
    body = json.dumps({"messages": [{"role": "user", "content": prompt}]}).encode()
    found = kept(f"{around} {prompt} {around}", body)
    for at in range(len(words) - 2):
        assert f" {' '.join(words[at : at + 3])} " not in f" {found} "

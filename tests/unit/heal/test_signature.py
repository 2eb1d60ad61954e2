import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.heal.signature import signature_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Rate limit reached: limit 30000, used 29,500", "rate limit reached:  limit 1, used 2"),
        ("model 'gpt-4o' does not exist", "model 'claude' does not exist"),
        ("request id req_8f1e2d failed", "request id req_77aa01 failed"),
        ("failed: 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "failed: 00000000-4f89-11d3-9a0c-0305e82c3302"),
        ("cannot reach https://api.example.com/v1/x?k=1", "cannot reach http://10.0.0.1:8000/v1"),
        ("ask jane.doe@example.com for access", "ask admin@corp.example for access"),
        ("HTTPConnection at 0x7f031b3ac2d0 timed out", "HTTPConnection at 0x7f03ffffffff timed out"),
    ],
)
def test_particulars_do_not_change_the_signature(one, other):
    assert signature_of(one) == signature_of(other)


def test_different_failures_have_different_signatures():
    messages = ["connection refused", "connection reset by peer", "rate limit reached", "overloaded", ""]
    assert len({signature_of(message).digest for message in messages}) == len(messages)


def test_the_template_stays_readable():
    text = signature_of("Rate limit reached for gpt-4o in org-abc123: limit 30000. Try again in 1.5s").text
    assert text == "rate limit reached for gpt-<n>o in <id>: limit <n>. try again in <n>s"


_SECRET = st.text(string.ascii_letters + string.digits, min_size=24, max_size=60)
_SHAPES = st.sampled_from(
    [
        "sk-{}",
        "sk-proj-{}",
        "gsk_{}",
        "xai-{}",
        "hf_{}",
        "AIza{}",
        "AKIA{}",
        "Bearer {}",
        "Authorization: Bearer {}",
        "api_key={}",
        'api-key: "{}"',
        "access token: {}",
        "password={}",
        "https://user:{}@host/v1",
        "https://host/v1?key={}",
        "eyJhbGciOi.{}.sig",
    ]
)


@given(_SECRET, _SHAPES, st.text(max_size=40), st.text(max_size=40))
def test_no_secret_is_left(secret, shape, before, after):
    text = signature_of(f"{before} {shape.format(secret)} {after}").text
    assert secret.lower() not in text
    assert secret.lower()[:12] not in text


@given(st.text(max_size=400))
def test_it_is_stable(message):
    once = signature_of(message)
    assert once == signature_of(message)
    assert len(once.text) <= 300
    assert len(once.digest) == 12


@given(st.text(string.ascii_lowercase + " ", max_size=100), st.integers(0, 10**9), st.integers(0, 10**9))
def test_numbers_never_matter(words, one, other):
    assert signature_of(f"{words} {one} end") == signature_of(f"{words} {other} end")

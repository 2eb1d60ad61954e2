"""The wait that only the words of a refusal tell."""

import json

import pytest

from foreroute.gateway.wire.evidence import answer_evidence, said_wait_s


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("Rate limit reached. Please try again in 9.8s.", 9.8),
        ("Please try again in 20ms. Visit https://platform.example", 0.02),
        ("Please try again in 6m0s.", 360.0),
        ("try again in 1m30.5s", 90.5),
        ("Please retry after 20 seconds.", 20.0),
        ("Please try again in 2 minutes", 120.0),
        ('{"@type": "google.rpc.RetryInfo", "retryDelay": "34.5s"}', 34.5),
        ("Too many requests. Please try again later.", None),
        ("You may retry.", None),
    ],
)
def test_the_usual_words_are_read(text: str, wait_s: float | None) -> None:
    assert said_wait_s(text) == (None if wait_s is None else pytest.approx(wait_s))


def test_headers_come_first_and_only_a_429_is_read() -> None:
    body = json.dumps({"error": {"message": "try again in 9s"}}).encode()
    assert answer_evidence(429, {}, body, 0.0).retry_after_s == 9.0
    assert answer_evidence(429, {"retry-after": "3"}, body, 0.0).retry_after_s == 3.0
    assert answer_evidence(500, {}, body, 0.0).retry_after_s is None

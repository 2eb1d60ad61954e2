"""Wishes about who serves a request: understood, or refused with the place and what would be right."""

from decimal import Decimal
from typing import Any

import pytest

from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.preferences import NO_PREFERENCES, Preferences, Sort, read_preferences, read_slo


def read(provider: Any = None, models: Any = None) -> Preferences | ErrorAnswer:
    return read_preferences({"provider": provider, "models": models, "model": "gpt"})


def test_no_wishes_are_the_one_value() -> None:
    assert read_preferences({}) is NO_PREFERENCES
    assert read(None, None) is NO_PREFERENCES
    assert read({}) == NO_PREFERENCES


def test_all_wishes_at_once() -> None:
    assert read(
        {
            "order": ["b", "a"],
            "only": ["a", "b", "c"],
            "ignore": ["c"],
            "sort": "throughput",
            "max_price": {"prompt": 0.1, "completion": "4"},
            "allow_fallbacks": False,
        },
        ["other", "third"],
    ) == Preferences(
        order=("b", "a"),
        only=frozenset("abc"),
        ignore=frozenset("c"),
        sort=Sort.THROUGHPUT,
        input_price_max=Decimal("0.1"),
        output_price_max=Decimal(4),
        fallbacks=False,
        models=("other", "third"),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("provider", "models", "param", "says"),
    [
        ([], None, "provider", "must be an object"),
        ("openai", None, "provider", "must be an object"),
        (False, None, "provider", "must be an object"),
        ({"ordr": ["a"]}, None, "provider.ordr", "known are allow_fallbacks"),
        ({"order": "a"}, None, "provider.order", "list of strings"),
        ({"only": [1]}, None, "provider.only", "list of strings"),
        ({"ignore": {"a": 1}}, None, "provider.ignore", "list of strings"),
        ({"order": ["a"] * 33}, None, "provider.order", "at most 32"),
        ({"sort": "speed"}, None, "provider.sort", "price, latency, throughput"),
        ({"sort": 3}, None, "provider.sort", "price, latency, throughput"),
        ({"sort": ["price"]}, None, "provider.sort", "price, latency, throughput"),
        ({"sort": {"by": "price"}}, None, "provider.sort", "price, latency, throughput"),
        ({"allow_fallbacks": "no"}, None, "provider.allow_fallbacks", "true or false"),
        ({"allow_fallbacks": 0}, None, "provider.allow_fallbacks", "true or false"),
        ({"max_price": 3}, None, "provider.max_price", "`prompt` and `completion`"),
        ({"max_price": {"image": 3}}, None, "provider.max_price", "`prompt` and `completion`"),
        ({"max_price": {"prompt": -1}}, None, "provider.max_price.prompt", "US dollars"),
        ({"max_price": {"completion": "much"}}, None, "provider.max_price.completion", "US dollars"),
        ({"max_price": {"completion": "NaN"}}, None, "provider.max_price.completion", "US dollars"),
        ({"max_price": {"completion": True}}, None, "provider.max_price.completion", "US dollars"),
        ({"max_price": {"completion": []}}, None, "provider.max_price.completion", "US dollars"),
        (None, "gpt", "models", "list of strings"),
        (None, [None], "models", "list of strings"),
        (None, ["m"] * 33, "models", "at most 32"),
    ],
)
def test_what_is_wrong_is_said(provider: Any, models: Any, param: str, says: str) -> None:
    answer = read(provider, models)
    assert isinstance(answer, ErrorAnswer)
    assert (answer.status, answer.param) == (400, param)
    assert says in answer.message
    assert f"`{param}`" in answer.message


@pytest.mark.parametrize("header", [b"soon", b"", b"0", b"-5", b"nan", b"inf", b"99999999999"])
def test_a_patience_that_is_none_is_refused(header: bytes) -> None:
    refused = read_slo(header)
    assert isinstance(refused, ErrorAnswer)
    assert (refused.status, refused.param) == (400, "x-slo-ttft-ms")


def test_a_callers_patience_is_in_milliseconds() -> None:
    assert read_slo(None) is None
    assert read_slo(b"800") == 0.8

"""Spend logs as LiteLLM exports them: whose row is whose, and what it tells."""

import io
import json
from decimal import Decimal

import pytest

from foreroute.core.attempt import Outcome
from foreroute.core.channel import Channel
from foreroute.core.errors import HistoryError
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.monitor.litellm_logs import Matcher, attempts_of, read_logs

EAST, WEST, CLAUDE = ChannelId("east"), ChannelId("west"), ChannelId("claude")


def channel(name: ChannelId, model: str, base_url: str) -> Channel:
    return Channel(id=name, provider="p", cloud="c", region=RegionId("r"), model=model, base_url=base_url)


CHANNELS = (
    channel(EAST, "gpt-4o", "https://east.example.com/openai/v1"),
    channel(WEST, "gpt-4o", "https://west.example.com/openai/v1"),
    channel(CLAUDE, "claude-sonnet-4", "https://api.anthropic.com/v1"),
)
ROUTES = {RouteName("chat"): [EAST, WEST], RouteName("near"): [WEST]}


def row(**more: object) -> dict[str, object]:
    return {
        "request_id": "chatcmpl-1",
        "call_type": "acompletion",
        "spend": 0.00123,
        "total_tokens": 120,
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "startTime": "2026-11-30T12:00:00.000Z",
        "endTime": "2026-11-30T12:00:02.500Z",
        "completionStartTime": "2026-11-30T12:00:00.400Z",
        "model": "gpt-4o",
        "model_group": "chat",
        "api_base": "https://east.example.com/openai/",
        "cache_hit": "False",
        "status": "success",
    } | more


def taken(*rows: dict[str, object], named: dict[str, ChannelId] | None = None) -> tuple[list, Matcher]:  # type: ignore[type-arg]  # attempts
    matcher = Matcher(CHANNELS, ROUTES, named or {})
    text = "\n".join(json.dumps(one) for one in rows)
    return list(attempts_of(read_logs(io.StringIO(text), "logs"), "logs", matcher)), matcher


def test_a_row_tells_one_attempt() -> None:
    (attempt,), _ = taken(row())
    assert (attempt.channel, attempt.duration_s, attempt.outcome) == (EAST, 2.5, Outcome.SUCCESS)
    assert attempt.stream
    assert attempt.time_to_first_chunk_s == pytest.approx(0.4)
    assert (attempt.usage.input_tokens, attempt.usage.output_tokens) == (100, 20)
    assert attempt.cost_usd == Decimal("0.00123")


def test_what_is_not_told_is_unknown() -> None:
    (plain,), _ = taken(row(completionStartTime="2026-11-30T12:00:02.500Z", spend=0))
    assert not plain.stream
    assert plain.time_to_first_chunk_s is None
    assert plain.cost_usd is None
    (failed,), _ = taken(row(status="failure", spend=0, prompt_tokens=0, completion_tokens=0))
    assert failed.outcome is Outcome.FAILURE
    assert failed.cost_usd == 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model": "openai/gpt-4o"}, EAST),
        ({"model": "gpt-4o-2024-08-06", "api_base": "https://west.example.com/"}, WEST),
        ({"api_base": "", "model_group": "near"}, WEST),
        ({"api_base": "", "model_group": "chat"}, None),
        ({"model": "gpt-4o-mini"}, None),
        ({"model": "claude-sonnet-4-20250514", "api_base": "", "model_group": "x"}, CLAUDE),
        ({"model": "whatever", "model_group": "mine"}, CLAUDE),
    ],
)
def test_whose_it_is(fields: dict[str, object], expected: ChannelId | None) -> None:
    attempts, matcher = taken(row(**fields), named={"mine": CLAUDE})
    assert [one.channel for one in attempts] == ([] if expected is None else [expected])
    assert len(matcher.seen.unmatched) == (expected is None)


def test_the_report_says_what_could_be_meant() -> None:
    _, matcher = taken(row(api_base=""), row(api_base=""), row(cache_hit="True"))
    what = ("gpt-4o", "", "chat")
    assert matcher.seen.unmatched == {what: "could be any of east, west"}
    assert matcher.seen.rows == {what: 2}
    assert matcher.seen.cached == 1


def test_csv_json_lines_and_one_json_list_say_the_same() -> None:
    rows = [row(request_id=f"r{n}") for n in range(3)]
    head = ",".join(rows[0])
    forms = [
        "\n".join([head, *(",".join(str(value) for value in one.values()) for one in rows)]),
        "\n".join(json.dumps(one) for one in rows),
        json.dumps(rows, indent=1),
    ]
    found = [
        list(attempts_of(read_logs(io.StringIO(form), "logs"), "logs", Matcher(CHANNELS, ROUTES, {})))
        for form in forms
    ]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model,spend\na,1\n", "logs:1: has no startTime and no endTime"),
        ('{"model": "a"}\n', "logs:1: has no startTime"),
        ("[1]", "logs:1: is no row"),
        ("{not json", "is no JSON"),
        (json.dumps(row(startTime="soon")), "'soon' is no time"),
        (json.dumps(row(spend="much")), "spend 'much' is no number"),
        (json.dumps(row(prompt_tokens="many")), "prompt_tokens 'many' is no number"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, says: str) -> None:
    matcher = Matcher(CHANNELS, ROUTES, {})
    with pytest.raises(HistoryError) as caught:
        list(attempts_of(read_logs(io.StringIO(text), "logs"), "logs", matcher))
    assert says in str(caught.value)

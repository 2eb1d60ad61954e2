import string
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.attempt import Asked, Attempt, Outcome, PickReason
from foreroute.core.errors import StoreCorrupt
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.limits import RateLimits
from foreroute.heal.calendar import next_reset_at, told_at
from foreroute.heal.clusters import ClusterJob, cluster
from foreroute.heal.learning import FailureLearning
from foreroute.heal.patterns import PatternSettings
from foreroute.heal.redact import redacted
from foreroute.heal.successors import successor_in
from foreroute.heal.templates import TemplateTree

F = FailureClass
AT = 1_772_409_600.0
DAY = 86_400.0
A, B = ChannelId("a"), ChannelId("b")


def attempt(at=AT, channel=A, kind=None, error="", tokens=100, tools=False, retry_after_s=None) -> Attempt:
    return Attempt(
        request_id=RequestId(f"r{at}"),
        number=1,
        route=RouteName("r"),
        channel=channel,
        started_at=at,
        duration_s=1.0,
        outcome=Outcome.SUCCESS if kind is None else Outcome.FAILURE,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        failure_class=kind,
        error=error,
        retry_after_s=retry_after_s,
        asked=Asked(input_tokens=tokens, tools=tools),
    )


def learnt(*attempts: Attempt, settings: PatternSettings | None = None) -> FailureLearning:
    learning = FailureLearning(settings)
    learning.observe(attempts)
    return learning


# Patterns ------------------------------------------------------------------------------------------------------


def test_messages_that_differ_in_particulars_are_one_pattern():
    texts = [
        f"Rate limit reached for org-{n}ab12: limit {n * 1000}, try again in {n}.5s" for n in range(1, 6)
    ]
    (found,) = learnt(
        *(attempt(AT + n, kind=F.RATE_LIMITED, error=text) for n, text in enumerate(texts))
    ).patterns()
    assert found.count == 5
    assert found.kind is F.RATE_LIMITED
    assert found.channels == {A: 5}
    assert (found.first_at, found.last_at) == (AT, AT + 4)


def test_different_failures_are_different_patterns():
    learning = learnt(
        attempt(kind=F.RATE_LIMITED, error="too many requests"),
        attempt(kind=F.AUTHENTICATION, error="invalid api key provided"),
        attempt(kind=F.SERVER_ERROR, error=""),
    )
    assert len(learning.patterns()) == 3


def test_a_pattern_that_comes_back_is_counted_as_such():
    hours = [0, 0.1, 3, 3.1, 50]
    (found,) = learnt(
        *(attempt(AT + 3600 * h, kind=F.OVERLOADED, error="overloaded") for h in hours)
    ).patterns()
    assert found.recurrences == 2
    far = learnt(*(attempt(AT + DAY * d, kind=F.OVERLOADED, error="overloaded") for d in (0, 10)))
    assert far.patterns()[0].recurrences == 0


def test_only_what_is_new_and_not_a_single_case_is_news():
    learning = learnt(*(attempt(AT + n, kind=F.OVERLOADED, error="overloaded") for n in range(5)))
    assert learning.told(AT + 60).news == ()  # everything is new at first
    later = AT + 2 * DAY
    learning.observe([attempt(later, kind=F.QUOTA_EXHAUSTED, error="billing hard limit")])
    assert learning.told(later).news == ()  # once
    learning.observe([attempt(later + n, kind=F.QUOTA_EXHAUSTED, error="billing hard limit") for n in (1, 2)])
    (news,) = learning.told(later + 3).news
    assert news.kind is F.QUOTA_EXHAUSTED
    assert learning.told(later + 2 * 3600).news == ()


def test_what_nobody_could_name_is_news_from_the_start():
    learning = learnt(*(attempt(AT + n, kind=F.UNKNOWN, error="out of order today") for n in range(3)))
    assert [one.kind for one in learning.told(AT + 3).news] == [F.UNKNOWN]


def test_memory_is_bounded_and_the_oldest_goes():
    words = string.ascii_lowercase
    tree = TemplateTree(templates_max=20)
    for n, first in enumerate(words):
        tree.add((first, "a"), AT + n)
    assert len(tree) == 20
    assert {template.words[0] for template in tree} == set(words[-20:])


def test_an_id_stays_when_its_template_becomes_more_general():
    tree = TemplateTree()
    first, new, _ = tree.add(("quota", "of", "model", "one", "spent"), AT)
    second, again, _ = tree.add(("quota", "of", "model", "two", "spent"), AT + 1)
    assert new
    assert not again
    assert first.id == second.id
    assert second.text == "quota of model <*> spent"


@given(st.lists(st.lists(st.sampled_from(["rate", "limit", "model", "<n>", "<*>"]), max_size=6), max_size=60))
def test_the_tree_never_grows_over_its_bound_and_finds_what_it_has(messages):
    tree = TemplateTree(templates_max=8)
    for n, words in enumerate(messages):
        template, _, gone = tree.add(tuple(words), AT + n)
        assert template.id != gone
        assert template.id in {one.id for one in tree}
    assert len(tree) <= 8


# No word of a caller's ------------------------------------------------------------------------------------------

_CANARY = st.text(string.ascii_lowercase, min_size=9, max_size=20).filter(
    lambda word: not word.startswith("un")
)
_ECHOES = st.sampled_from(
    [
        "Invalid value: {}",
        "prompt: {} is too long",
        "Your request '{}' was blocked",
        "could not parse {} as JSON",
        "messages.0.content: {}",
        "model {} not found, use {}-2 instead",
        "Unsupported parameter: {}",
        "'{}' is not supported",
        "sk-{}",
    ]
)


@given(_CANARY, _ECHOES, st.sampled_from([F.UNKNOWN, F.UNSUPPORTED_FEATURE, F.CONTEXT_LENGTH_EXCEEDED]))
def test_no_word_of_a_prompt_is_kept(canary, shape, kind):
    word = f"{canary}qzx"
    learning = learnt(attempt(kind=kind, error=shape.format(word, word), tools=True))
    assert word.encode() not in learning.dump()


def test_what_is_kept_of_a_message_is_bounded():
    assert len(redacted("limit reached " * 1000)) <= 40


def test_the_words_of_failures_stay_readable():
    assert (
        " ".join(redacted("Rate limit reached for tokens per min: Limit 30000"))
        == "rate limit reached for tokens per min limit <n>"
    )


# What channels cannot do ----------------------------------------------------------------------------------------


def test_a_refusal_of_length_is_learnt_and_taken_back_by_a_success():
    learning = learnt(
        attempt(kind=F.CONTEXT_LENGTH_EXCEEDED, tokens=9000, error="maximum context length is 8192 tokens")
    )
    assert learning.refusals(AT + 1)[A].input_tokens_max == 8999
    (fact,) = learning.facts(AT + 1)
    assert "8192" in fact.value
    learning.observe([attempt(AT + 2, kind=F.CONTEXT_LENGTH_EXCEEDED, tokens=9500)])
    assert learning.refusals(AT + 3)[A].input_tokens_max == 8999
    learning.observe([attempt(AT + 4, tokens=8000)])
    assert learning.refusals(AT + 5)[A].input_tokens_max == 8999
    learning.observe([attempt(AT + 6, tokens=9200)])
    assert learning.refusals(AT + 7) == {}


def test_tools_are_refused_only_where_they_were_asked_for():
    said = "model does not support tools"
    assert learnt(attempt(kind=F.UNSUPPORTED_FEATURE, error=said)).refusals(AT) == {}
    learning = learnt(attempt(kind=F.UNSUPPORTED_FEATURE, error=said, tools=True))
    assert not learning.refusals(AT)[A].tools
    learning.observe([attempt(AT + 1, tools=True)])
    assert learning.refusals(AT + 2) == {}


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead", "max_tokens"),
        ("`reasoning_effort` is not supported with this model", "reasoning_effort"),
        ("Model x does not support parameter presencePenalty.", "presencePenalty"),
    ],
)  # fmt: skip
def test_a_refused_parameter_is_learnt_by_its_name(error, name):
    assert learnt(attempt(kind=F.UNSUPPORTED_FEATURE, error=error)).refusals(AT)[A].parameters == (name,)


def test_a_refusal_is_forgotten_after_a_week():
    learning = learnt(attempt(kind=F.CONTEXT_LENGTH_EXCEEDED, tokens=9000))
    assert learning.refusals(AT + 8 * DAY) == {}


# Calendars ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "wait_s"),
    [
        ("Resets in: 30m0s", 1800),
        ("try again in 1.5s", 1.5),
        ("please wait 2h", 7200),
        ("try again later", None),
    ],
)
def test_a_stated_wait_is_read(message, wait_s):
    assert told_at(message, AT) == (None if wait_s is None else AT + wait_s)


def test_a_stated_date_is_read():
    assert told_at("You will regain access on 2026-12-01 at 00:00 UTC.", AT) == 1_796_083_200.0
    assert told_at("since 2020-01-01", AT) is None


def test_a_quota_that_comes_back_every_day_is_expected_back():
    resets = [AT + 100, AT + DAY + 160]
    assert next_reset_at(resets, AT + DAY + 500) == resets[-1] + DAY
    assert next_reset_at(resets, AT + 3.5 * DAY) == resets[-1] + 3 * DAY
    assert next_reset_at([AT, AT + DAY / 2], AT + DAY) is None
    assert next_reset_at(resets[:1], AT + DAY) is None


def test_a_quota_that_comes_back_on_the_first_is_expected_on_the_first():
    january, february, march = 1_767_225_600.0, 1_769_904_000.0, 1_772_323_200.0
    assert next_reset_at([january, february], february + DAY) == march
    assert next_reset_at([january, february], march + DAY) == 1_775_001_600.0


def test_a_spent_quota_is_a_fact_until_a_success():
    learning = learnt(attempt(kind=F.QUOTA_EXHAUSTED, error="resets in 2h"))
    (fact,) = learning.facts(AT + 60)
    assert fact.name == "quota"
    assert fact.expected_at == AT + 7200
    learning.observe([attempt(AT + 8000)])
    assert learning.facts(AT + 8001) == ()


def test_the_daily_peak_is_the_hour_that_is_limited_on_most_days():
    hits = [attempt(AT + DAY * day + 14 * 3600, kind=F.RATE_LIMITED) for day in range(4)]
    facts = learnt(*hits).facts(AT + 3 * DAY + 15 * 3600)
    (peak,) = [fact for fact in facts if fact.name == "peak_hour"]
    assert "14:00" in peak.value
    assert peak.expected_at == AT + 4 * DAY + 14 * 3600
    assert not [fact for fact in learnt(*hits[:2]).facts(AT + 2 * DAY) if fact.name == "peak_hour"]


def test_the_rate_at_which_a_channel_throttles_is_learnt():
    learning = FailureLearning()
    for minute in range(4):
        start = AT + 120.0 * minute
        learning.observe([attempt(start + second) for second in range(30)])
        learning.observe([attempt(start + 30, kind=F.RATE_LIMITED)])
    (rate,) = [fact for fact in learning.facts(AT + 600) if fact.name == "requests_per_minute"]
    assert "31 requests a minute" in rate.value


def test_a_certificate_that_ends_soon_is_due():
    learning = FailureLearning()
    learning.certificate(A, AT + 3 * DAY)
    learning.certificate(B, AT + 60 * DAY)
    (due,) = learning.told(AT).due
    assert due.channel == A
    assert "3.0 days" in due.value


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Model kimi-k2.5 has been retired. replacement kimi-k3", "kimi-k3"),
        ("The model has been deprecated, please use gpt-4.1-mini instead.", "gpt-4.1-mini"),
        ("migrate to `claude-sonnet-4-5`", "claude-sonnet-4-5"),
        ("Please use a newer model", None),
        ("not found", None),
    ],
)
def test_a_named_successor_is_found(message, name):
    assert successor_in(message) == name


# Across restarts ------------------------------------------------------------------------------------------------


def full() -> FailureLearning:
    learning = learnt(
        attempt(kind=F.CONTEXT_LENGTH_EXCEEDED, tokens=9000, error="context length exceeded"),
        attempt(AT + 1, kind=F.UNSUPPORTED_FEATURE, tools=True, error="no tools support"),
        attempt(AT + 2, channel=B, kind=F.QUOTA_EXHAUSTED, error="billing"),
        attempt(AT + 3, channel=B, kind=F.MODEL_NOT_FOUND, error="retired, use gpt-5 instead"),
        *(attempt(AT + 9 + n, channel=B, kind=F.RATE_LIMITED, error="too many requests") for n in range(4)),
    )
    learning.certificate(B, AT + DAY)
    return learning


def test_what_was_learnt_is_the_same_after_a_restart():
    before, after = full(), FailureLearning()
    after.load(before.dump())
    assert after.patterns() == before.patterns()
    assert after.refusals(AT + 60) == before.refusals(AT + 60)
    assert after.facts(AT + 60) == before.facts(AT + 60)
    more = attempt(AT + 70, channel=B, kind=F.RATE_LIMITED, error="too many requests")
    before.observe([more])
    after.observe([more])
    assert after.patterns() == before.patterns()


@pytest.mark.parametrize("state", [b"", b"nope", b"[]", b"{}", b'{"version": 1}', b'{"version": 99}'])
def test_a_state_that_cannot_be_used_changes_nothing(state):
    learning = full()
    before = learning.dump()
    with pytest.raises(StoreCorrupt):
        learning.load(state)
    assert learning.dump() == before


def test_a_state_with_a_broken_part_changes_nothing():
    fields = orjson.loads(full().dump())
    for part in ("patterns", "capabilities", "calendar", "successors", "certificates"):
        learning = FailureLearning()
        with pytest.raises(StoreCorrupt):
            learning.load(orjson.dumps(fields | {part: {"a": "b"}}))
        assert learning.patterns() == ()


# Groups ---------------------------------------------------------------------------------------------------------


def test_unnamed_patterns_that_are_alike_are_grouped():
    pytest.importorskip("sklearn")
    texts = {
        "a": "worker gone odd",
        "b": "worker gone odd odd again",
        "c": "quota lost here",
        "d": "quota lost here somewhere",
        "e": "alone",
    }
    groups = cluster(ClusterJob(texts)).groups
    assert groups["a"] == groups["b"] != groups["c"] == groups["d"]
    assert cluster(ClusterJob(texts)).groups == groups
    assert cluster(ClusterJob({"a": "x"})).groups == {}
    learning = learnt(attempt(kind=F.UNKNOWN, error="worker gone"))
    name = learning.unnamed()[0].id
    learning.grouped({name: "g-1"})
    assert learning.patterns()[0].group == "g-1"


def test_a_flood_of_failures_is_read_up_to_a_bound():
    learning = learnt(*(attempt(AT, kind=F.OVERLOADED, error="overloaded") for _ in range(2000)))
    assert learning.patterns()[0].count == 500


def test_successes_teach_nothing_about_failures():
    learning = learnt(*(replace(attempt(AT + n), error="") for n in range(10)))
    assert learning.patterns() == ()
    assert learning.facts(AT + 60) == ()


# What headers tell ---------------------------------------------------------------------------------------------------


def test_a_channels_own_word_on_its_limits_is_kept():
    said = RateLimits(600, 3, 2.0, tokens_max=90_000)
    learning = learnt(
        replace(attempt(AT), rate_limits=said), replace(attempt(AT - 60), rate_limits=RateLimits(5))
    )
    again = FailureLearning()
    again.load(learning.dump())
    for one in (learning, again):
        facts = {fact.name: fact.value for fact in one.facts(AT)}
        assert facts["told_requests_per_minute"] == "says that it takes 600 requests a minute"
        assert facts["told_tokens_per_minute"] == "says that it takes 90000 tokens a minute"


def test_a_limit_of_a_day_is_none_of_a_minute():
    said = RateLimits(200, 3, 40_000.0)
    assert not learnt(replace(attempt(AT), rate_limits=said)).facts(AT)


def test_what_was_learnt_before_headers_were_read_can_be_read():
    state = orjson.loads(learnt(attempt(AT, kind=F.RATE_LIMITED)).dump())
    for row in state["calendar"].values():
        del row["told"], row["told_limits_at"]
    FailureLearning().load(orjson.dumps(state))

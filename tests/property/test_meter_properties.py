"""The usage shapes of the providers: the buckets are disjoint, add up to what was reported, and cost what they should."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.attempt import Usage
from foreroute.cost.unit_prices import UnitPrices
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.readings import reading_of, usage_of

TOKENS = st.integers(0, 200_000)
PRICES = UnitPrices(
    input=Decimal(3),
    cached_input=Decimal("0.3"),
    cache_write=Decimal("3.75"),
    output=Decimal(15),
    reasoning=Decimal(20),
)


@st.composite
def work(draw):
    """What was really done, in disjoint buckets."""
    output = draw(TOKENS)
    reasoning = draw(st.integers(0, output))
    return Usage(draw(st.integers(1, 200_000)), draw(TOKENS), draw(TOKENS), output, reasoning)


def billed(done: Usage) -> Decimal:
    """An independent count, in pico-dollars: price per million times tokens."""
    pico = (
        done.input_tokens * 3_000_000
        + done.cached_input_tokens * 300_000
        + done.cache_write_tokens * 3_750_000
        + (done.output_tokens - done.reasoning_tokens) * 15_000_000
        + done.reasoning_tokens * 20_000_000
    )
    return Decimal(pico) / 10**12


def inclusive(done: Usage, of_input: str, of_output: str, *, beside: bool = False) -> dict[str, Any]:
    """OpenAI, Azure, and what translates into their words. `beside`: reasoning is in the total alone (xAI, Gemini)."""
    prompt = done.input_tokens + done.cached_input_tokens + done.cache_write_tokens
    return {
        of_input: prompt,
        of_output: done.output_tokens - (done.reasoning_tokens if beside else 0),
        "total_tokens": prompt + done.output_tokens,
        f"{of_input}_details": {
            "cached_tokens": done.cached_input_tokens,
            "cache_write_tokens": done.cache_write_tokens,
        },
        f"{of_output}_details": {"reasoning_tokens": done.reasoning_tokens},
    }


def anthropic(done: Usage) -> dict[str, Any]:
    return {
        "input_tokens": done.input_tokens,
        "cache_read_input_tokens": done.cached_input_tokens,
        "cache_creation_input_tokens": done.cache_write_tokens,
        "output_tokens": done.output_tokens,
        "output_tokens_details": {"thinking_tokens": done.reasoning_tokens},
    }


@given(work())
def test_openai_and_azure_chat(done):
    report = inclusive(done, "prompt_tokens", "completion_tokens")
    assert usage_of(Endpoint.CHAT, report) == done
    streamed = reading_of(Endpoint.CHAT)
    streamed.note({"choices": [], "usage": report})
    assert streamed.usage == done


@given(work())
def test_openai_responses(done):
    report = inclusive(done, "input_tokens", "output_tokens")
    assert usage_of(Endpoint.RESPONSES, report) == done
    assert usage_of(Endpoint.OPAQUE, report) == done
    streamed = reading_of(Endpoint.RESPONSES)
    streamed.note({"type": "response.completed", "response": {"usage": report, "output": [1]}})
    assert streamed.usage == done


@given(work())
def test_reasoning_that_only_the_total_knows_is_output(done):
    """xAI and Gemini, with the reasoning named and without."""
    report = inclusive(done, "prompt_tokens", "completion_tokens", beside=True)
    assert usage_of(Endpoint.CHAT, report) == done
    del report["completion_tokens_details"]
    assert usage_of(Endpoint.CHAT, report) == done


@given(work())
def test_anthropic_whole_and_streamed(done):
    assert usage_of(Endpoint.MESSAGES, anthropic(done)) == done
    streamed, start = reading_of(Endpoint.MESSAGES), {**anthropic(done), "output_tokens": 1}
    del start["output_tokens_details"]
    streamed.note({"type": "message_start", "message": {"usage": start}})
    end = {
        "output_tokens": done.output_tokens,
        "output_tokens_details": {"thinking_tokens": done.reasoning_tokens},
    }
    streamed.note({"type": "message_delta", "usage": end, "delta": {}})
    assert streamed.usage == (done if done.output_tokens else Usage(*done_input(done), 1, 0))


def done_input(done: Usage) -> tuple[int, int, int]:
    return done.input_tokens, done.cached_input_tokens, done.cache_write_tokens


@given(work())
def test_a_cache_counted_beside_the_prompt_is_not_taken_off_it(done):
    """Some gateways put Anthropic's and Bedrock's exclusive counts under OpenAI's names."""
    cached = done.input_tokens + done.cached_input_tokens + 1
    report = {
        "prompt_tokens": done.input_tokens,
        "completion_tokens": done.output_tokens,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    found = usage_of(Endpoint.CHAT, report)
    assert (found.input_tokens, found.cached_input_tokens) == (done.input_tokens, cached)


@given(TOKENS, TOKENS, TOKENS)
def test_deepseek_names_hits_and_misses(hit, miss, output):
    report = {
        "prompt_tokens": hit + miss,
        "completion_tokens": output,
        "prompt_cache_hit_tokens": hit,
        "prompt_cache_miss_tokens": miss,
    }
    assert usage_of(Endpoint.CHAT, report) == Usage(miss, hit, 0, output)


@given(TOKENS)
def test_embeddings_have_no_output(prompt):
    report = {"prompt_tokens": prompt, "total_tokens": prompt}
    assert usage_of(Endpoint.EMBEDDINGS, report) == Usage(prompt)


def test_billed_units_that_are_no_tokens_are_no_report():
    assert usage_of(Endpoint.OPAQUE, {"billed_units": {"search_units": 1}}) == Usage()


@given(work())
def test_every_bucket_is_billed_once(done):
    assert PRICES.cost_usd(done) == billed(done)


@given(work(), st.decimals("0", "4", places=2))
def test_a_tier_scales_every_bucket(done, ratio):
    assert PRICES.times(ratio).cost_usd(done) == billed(done) * ratio

"""The usage shapes of the providers: the buckets are disjoint, add up to what was reported, and cost what they should."""

from decimal import Decimal
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.attempt import Usage
from foreroute.core.extras import PART_OF, Extra, extras_of
from foreroute.cost.unit_prices import UnitPrices
from foreroute.gateway.wire.answers import read_opaque
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.readings import reading_of
from foreroute.gateway.wire.units import usage_of

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


@given(TOKENS)
def test_a_total_alone_is_input(total):
    """Embedders and rerankers that report nothing else: their whole work is the prompt."""
    assert usage_of(Endpoint.EMBEDDINGS, {"total_tokens": total}) == Usage(total)


def opaque(answer: dict[str, Any]) -> Usage:
    return read_opaque(orjson.dumps(answer)).usage


@st.composite
def heard_and_seen(draw):
    """Work with audio and images in it: what is what inside each bucket."""
    done, parts = draw(work()), {}
    for extra in (Extra.INPUT_AUDIO, Extra.CACHED_AUDIO, Extra.OUTPUT_AUDIO, Extra.WRITTEN_1H):
        parts[extra] = draw(st.integers(0, getattr(done, PART_OF[extra])))
    for extra, beside in ((Extra.INPUT_IMAGE, Extra.INPUT_AUDIO), (Extra.CACHED_IMAGE, Extra.CACHED_AUDIO)):
        parts[extra] = draw(st.integers(0, getattr(done, PART_OF[extra]) - parts[beside]))
    return done, parts


def only(done: Usage, parts: dict[Extra, int], *kept: Extra) -> Usage:
    return Usage(*buckets(done), extras=extras_of({extra: parts[extra] for extra in kept}))


def buckets(done: Usage) -> tuple[int, ...]:
    return (*done_input(done), done.output_tokens, done.reasoning_tokens)


@given(heard_and_seen())
def test_openai_tells_audio_and_images_inside_the_prompt(both):
    done, parts = both
    report = inclusive(done, "prompt_tokens", "completion_tokens")
    report["prompt_tokens_details"] |= {
        "audio_tokens": parts[Extra.INPUT_AUDIO] + parts[Extra.CACHED_AUDIO],
        "image_tokens": parts[Extra.INPUT_IMAGE] + parts[Extra.CACHED_IMAGE],
        "cached_tokens_details": {
            "audio_tokens": parts[Extra.CACHED_AUDIO],
            "image_tokens": parts[Extra.CACHED_IMAGE],
        },
    }
    report["completion_tokens_details"] |= {"audio_tokens": parts[Extra.OUTPUT_AUDIO]}
    kinds = (Extra.INPUT_AUDIO, Extra.INPUT_IMAGE, Extra.CACHED_AUDIO, Extra.CACHED_IMAGE, Extra.OUTPUT_AUDIO)
    expected = only(done, parts, *kinds)
    assert usage_of(Endpoint.CHAT, report) == expected
    streamed = reading_of(Endpoint.CHAT)
    streamed.note({"choices": [], "usage": report, "service_tier": "flex"})
    assert (streamed.usage, streamed.tier) == (expected, "flex")


@given(heard_and_seen(), st.integers(0, 9))
def test_anthropic_tells_what_is_kept_for_an_hour_and_what_it_searched(both, searches):
    done, parts = both
    report = anthropic(done) | {
        "cache_creation": {"ephemeral_1h_input_tokens": parts[Extra.WRITTEN_1H]},
        "server_tool_use": {"web_search_requests": searches},
        "service_tier": "priority",
    }
    expected = only(done, parts | {Extra.WEB_SEARCHES: searches}, Extra.WRITTEN_1H, Extra.WEB_SEARCHES)
    assert usage_of(Endpoint.MESSAGES, report) == expected
    streamed = reading_of(Endpoint.MESSAGES)
    streamed.note({"type": "message_start", "message": {"usage": report}})
    streamed.note({"type": "message_delta", "usage": {"output_tokens": done.output_tokens}, "delta": {}})
    assert (streamed.usage, streamed.tier) == (expected, "priority")


@given(heard_and_seen(), TOKENS)
def test_gemini_counts_the_cache_inside_and_thoughts_and_tools_beside(both, tools):
    done, parts = both
    heard = parts[Extra.INPUT_AUDIO] + parts[Extra.CACHED_AUDIO]
    report = {
        "promptTokenCount": done.input_tokens + done.cached_input_tokens,
        "cachedContentTokenCount": done.cached_input_tokens,
        "candidatesTokenCount": done.output_tokens - done.reasoning_tokens,
        "thoughtsTokenCount": done.reasoning_tokens,
        "toolUsePromptTokenCount": tools,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": done.input_tokens + done.cached_input_tokens - heard},
            {"modality": "AUDIO", "tokenCount": heard},
        ],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": parts[Extra.CACHED_AUDIO]}],
    }
    found = opaque({"candidates": [], "usageMetadata": report})
    extras = {extra: parts[extra] for extra in (Extra.INPUT_AUDIO, Extra.CACHED_AUDIO)}
    assert found == Usage(
        done.input_tokens + tools,
        done.cached_input_tokens,
        0,
        done.output_tokens,
        done.reasoning_tokens,
        extras=extras_of(extras),
    )


@given(heard_and_seen())
def test_converse_counts_caches_beside_the_input(both):
    done, parts = both
    report = {
        "inputTokens": done.input_tokens,
        "outputTokens": done.output_tokens,
        "totalTokens": sum(done_input(done)) + done.output_tokens,
        "cacheReadInputTokens": done.cached_input_tokens,
        "cacheWriteInputTokens": done.cache_write_tokens,
        "cacheDetails": [{"ttl": "1h", "inputTokens": parts[Extra.WRITTEN_1H]}, {"ttl": "5m"}],
    }
    read = read_opaque(orjson.dumps({"usage": report, "serviceTier": {"type": "priority"}}))
    expected = Usage(
        *done_input(done),
        done.output_tokens,
        0,
        extras=extras_of({Extra.WRITTEN_1H: parts[Extra.WRITTEN_1H]}),
    )
    assert (read.usage, read.tier) == (expected, "priority")


@given(TOKENS, TOKENS, st.integers(0, 100))
def test_cohere_is_billed_by_its_billed_units(given_tokens, made, searches):
    units = {"input_tokens": float(given_tokens), "output_tokens": made, "search_units": searches}
    expected = Usage(given_tokens, output_tokens=made, extras=extras_of({Extra.RERANKS: searches}))
    assert opaque({"meta": {"billed_units": units}}) == expected
    assert opaque({"usage": {"billed_units": units, "tokens": {"input_tokens": 10**6}}}) == expected


@given(st.floats(0.001, 10**5), st.integers(1, 9))
def test_units_that_are_no_tokens(seconds, pictures):
    spoken = opaque({"text": "so", "usage": {"type": "duration", "seconds": seconds}})
    ((extra, millis),) = spoken.extras
    assert extra is Extra.AUDIO_MS
    assert 0 <= millis - seconds * 1000 < 1.001
    assert opaque({"text": "so", "duration": seconds}) == spoken
    drawn = opaque({"data": [{"b64_json": "AA=="}] * pictures})
    assert drawn == Usage(extras=((Extra.IMAGES, pictures),))


@given(TOKENS, st.integers(1, 10**6))
def test_the_output_of_an_image_model_is_an_image(prompt, made):
    drawn = opaque(
        {"data": [{"url": "https://x/1"}], "usage": {"input_tokens": prompt, "output_tokens": made}}
    )
    assert drawn == Usage(prompt, output_tokens=made, extras=((Extra.OUTPUT_IMAGE, made),))


@given(st.integers(0, 5), st.integers(0, 5))
def test_responses_name_each_search_in_their_output(web, files):
    output = [{"type": "web_search_call"}] * web + [{"type": "file_search_call"}] * files
    response = {"usage": {"input_tokens": 5, "output_tokens": 2}, "output": output, "service_tier": "default"}
    streamed = reading_of(Endpoint.RESPONSES)
    streamed.note({"type": "response.created", "response": {"service_tier": "auto"}})
    streamed.note({"type": "response.completed", "response": response})
    expected = extras_of({Extra.WEB_SEARCHES: web, Extra.STORAGE_SEARCHES: files})
    assert streamed.usage == Usage(5, output_tokens=2, extras=expected) == opaque(response)
    assert streamed.tier == "default"


@given(heard_and_seen(), st.integers(0, 10**7), st.integers(0, 9))
def test_parts_are_billed_once_at_their_own_price_and_pieces_beside(both, millis, searches):
    done, parts = both
    done = Usage(*buckets(done)[:4])  # reasoning is told apart elsewhere
    own = {Extra.INPUT_AUDIO: 10, Extra.CACHED_AUDIO: 1, Extra.OUTPUT_AUDIO: 64, Extra.WRITTEN_1H: 6}
    prices = UnitPrices(
        input=Decimal(3),
        cached_input=Decimal("0.3"),
        cache_write=Decimal("3.75"),
        output=Decimal(15),
        extras={extra: Decimal(price) for extra, price in own.items()}
        | {Extra.AUDIO_MS: Decimal("0.36"), Extra.WEB_SEARCHES: Decimal("0.01")},
    )
    beside = {Extra.AUDIO_MS: millis, Extra.WEB_SEARCHES: searches}
    used = Usage(*buckets(done)[:4], extras=extras_of(parts | beside))
    usual = {"input_tokens": 3_000_000, "cached_input_tokens": 300_000, "cache_write_tokens": 3_750_000}
    usual["output_tokens"] = 15_000_000
    pico = sum(getattr(done, name) * price for name, price in usual.items())
    pico += sum(parts[extra] * (price * 10**6 - usual[PART_OF[extra]]) for extra, price in own.items())
    pico += millis * 100_000 + searches * 10**10
    assert prices.cost_usd(used) == Decimal(pico) / 10**12


@given(st.sampled_from([extra for extra in Extra if extra not in PART_OF]), st.integers(1, 10**6))
def test_a_piece_without_a_price_makes_the_whole_unpriced(extra, many):
    assert PRICES.cost_usd(Usage(10, output_tokens=10, extras=((extra, many),))) is None


@given(work())
def test_every_bucket_is_billed_once(done):
    assert PRICES.cost_usd(done) == billed(done)


@given(work(), st.decimals("0", "4", places=2))
def test_a_tier_scales_every_bucket(done, ratio):
    assert PRICES.times(ratio).cost_usd(done) == billed(done) * ratio

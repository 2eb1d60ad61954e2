"""What an answer says that it used, in the words of each provider, as disjoint buckets and what lies beside them.

The shapes are those of the providers' own references: OpenAI's chat, responses, images and transcriptions, Anthropic's
messages, Gemini's `usageMetadata`, Bedrock's Converse, Cohere's billed units.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.extras import Extra, added, extras_of
from foreroute.gateway.wire.paths import Endpoint

COUNT_MAX: Final = 10**12
"""An answer that reports more tokens reports nothing; they would not fit into a store either."""
_TIER: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_SEARCH_CALLS: Final = {
    "web_search_call": Extra.WEB_SEARCHES,
    "file_search_call": Extra.STORAGE_SEARCHES,
}


def usage_of(endpoint: Endpoint, payload: Any) -> Usage:
    """A usage report in the words of the endpoint, in disjoint buckets; odd reports are no report."""
    if not isinstance(payload, dict):
        return NO_USAGE
    match endpoint:
        case Endpoint.MESSAGES:
            return messages_usage(payload)
        case Endpoint.RESPONSES:
            return responses_usage(payload)
        case Endpoint.OPAQUE:
            return responses_usage(payload) if "input_tokens" in payload else chat_usage(payload)
        case _:
            return chat_usage(payload)


def tier_named(value: Any) -> str:
    """The name of a service tier; empty for what is none."""
    return value if isinstance(value, str) and _TIER.fullmatch(value) else ""


def tier_of(payload: Mapping[str, Any]) -> str:
    """The service tier that an answer, or the usage inside it, says it was served in; empty: it does not say."""
    named = payload.get("service_tier") or details(payload, "usage").get("service_tier")
    return tier_named(named or details(payload, "serviceTier").get("type"))


def chat_usage(payload: Any) -> Usage:
    """OpenAI counts cached and cache-written tokens inside the prompt's."""
    if isinstance(payload, dict) and "billed_units" in payload:
        return cohere_usage(payload)
    return _inclusive(payload, "prompt_tokens", "completion_tokens")


def responses_usage(payload: Any) -> Usage:
    """As chat, under other names."""
    return _inclusive(payload, "input_tokens", "output_tokens")


def messages_usage(payload: Mapping[str, Any]) -> Usage:
    """Anthropic counts cached and cache-written tokens beside the input's."""
    written = count(payload, "cache_creation_input_tokens")
    hour = count(details(payload, "cache_creation"), "ephemeral_1h_input_tokens")
    return Usage(
        input_tokens=count(payload, "input_tokens"),
        cached_input_tokens=count(payload, "cache_read_input_tokens"),
        cache_write_tokens=written,
        output_tokens=count(payload, "output_tokens"),
        reasoning_tokens=count(details(payload, "output_tokens_details"), "thinking_tokens"),
        extras=extras_of(
            {
                Extra.WRITTEN_1H: min(hour, written),
                Extra.WEB_SEARCHES: count(details(payload, "server_tool_use"), "web_search_requests"),
            }
        ),
    )


def cohere_usage(payload: Mapping[str, Any]) -> Usage:
    """Cohere bills less than it counts: its billed units are what is paid for."""
    units = details(payload, "billed_units")
    tokens = whole(units, "input_tokens"), whole(units, "output_tokens")
    pieces = {Extra.RERANKS: whole(units, "search_units")}
    if not any(tokens):
        pieces[Extra.IMAGES] = whole(units, "images")
    return Usage(tokens[0], output_tokens=tokens[1], extras=extras_of(pieces))


def searched(usage: Usage, answer: Mapping[str, Any]) -> Usage:
    """With the searches that a response has made: its usage does not count them, its output names each."""
    output = answer.get("output")
    calls = [one.get("type") for one in output if isinstance(one, dict)] if isinstance(output, list) else []
    found = {extra: calls.count(kind) for kind, extra in _SEARCH_CALLS.items()}
    return replace(usage, extras=added((usage.extras, extras_of(found)))) if any(found.values()) else usage


def _inclusive(payload: Any, input_key: str, output_key: str) -> Usage:
    if not isinstance(payload, dict):
        return NO_USAGE
    given, made = _detailed(payload, input_key), _detailed(payload, output_key)
    cached = count(given, "cached_tokens") or count(payload, "prompt_cache_hit_tokens")
    written, told = count(given, "cache_write_tokens"), count(payload, input_key)
    output, total = count(payload, output_key), count(payload, "total_tokens")
    if not told and output_key not in payload and not cached + written:
        told = total  # embedders and rerankers that report nothing but the total: there is no output
    # More from the cache than in the prompt: this provider counts them beside it, as Anthropic does.
    fresh = told if cached + written > told else told - cached - written
    thought = count(made, "reasoning_tokens")
    # Gemini and xAI count reasoning in the total alone, and bill it as output.
    beside = 0 if cached + written > told else max(0, total - told - output)
    return Usage(
        input_tokens=fresh,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=output + beside,
        reasoning_tokens=min(max(thought, beside), output + beside),
        extras=_parts(payload, given, made, fresh, output),
    )


def _parts(
    payload: Mapping[str, Any], given: Mapping[str, Any], made: Mapping[str, Any], fresh: int, output: int
) -> tuple[tuple[Extra, int], ...]:
    """Audio and images inside the buckets: what came from the cache is told apart where the provider does."""
    if not (given or made or "seconds" in payload or "prompt_audio_seconds" in payload):
        return ()
    cached = details(given, "cached_tokens_details")
    heard, seen = count(cached, "audio_tokens"), count(cached, "image_tokens")
    return extras_of(
        {
            Extra.CACHED_AUDIO: heard,
            Extra.CACHED_IMAGE: seen,
            Extra.INPUT_AUDIO: min(count(given, "audio_tokens") - heard, fresh),
            Extra.INPUT_IMAGE: min(count(given, "image_tokens") - seen, fresh),
            Extra.OUTPUT_AUDIO: min(count(made, "audio_tokens"), output),
            Extra.OUTPUT_IMAGE: min(count(made, "image_tokens"), output),
            Extra.AUDIO_MS: millis(payload, "seconds") or millis(payload, "prompt_audio_seconds"),
        }
    )


def _detailed(payload: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """`input_tokens_details`; transcriptions say `input_token_details`."""
    return details(payload, f"{key}_details") or details(payload, f"{key.removesuffix('s')}_details")


def count(payload: Mapping[str, Any], key: str) -> int:
    """A whole number above zero, or 0."""
    value = payload.get(key)
    return value if type(value) is int and 0 < value <= COUNT_MAX else 0


def whole(payload: Mapping[str, Any], key: str) -> int:
    """As `count`, where the provider writes whole numbers with a point: `12.0`."""
    value = payload.get(key)
    return int(value) if type(value) is float and 0 < value <= COUNT_MAX else count(payload, key)


def millis(payload: Mapping[str, Any], key: str) -> int:
    """Seconds, with a point or without, in milliseconds, rounded up: a part of one is billed."""
    value = payload.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= COUNT_MAX / 1000:
        return 0
    return math.ceil(value * 1000)


def details(payload: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under a name; empty if there is none."""
    value = payload.get(key)
    return value if isinstance(value, dict) else {}

"""What an answer used that is passed through without being understood: by the shape that its usage has."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.extras import Extra, added, extras_of
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.units import cohere_usage, count, details, millis, searched, usage_of

_PARTS: Final = {
    "promptTokensDetails": {
        "AUDIO": Extra.INPUT_AUDIO,
        "IMAGE": Extra.INPUT_IMAGE,
        "VIDEO": Extra.INPUT_VIDEO,
    },
    "cacheTokensDetails": {"AUDIO": Extra.CACHED_AUDIO, "IMAGE": Extra.CACHED_IMAGE},
    "candidatesTokensDetails": {
        "AUDIO": Extra.OUTPUT_AUDIO,
        "IMAGE": Extra.OUTPUT_IMAGE,
        "VIDEO": Extra.OUTPUT_VIDEO,
    },
}
_CACHED: Final = {Extra.CACHED_AUDIO: Extra.INPUT_AUDIO, Extra.CACHED_IMAGE: Extra.INPUT_IMAGE}


def opaque_usage(answer: Mapping[str, Any]) -> Usage:
    """Of a whole answer, in disjoint buckets; what has no known shape reports nothing."""
    usage = details(answer, "usage")
    if "usageMetadata" in answer:
        return gemini_usage(details(answer, "usageMetadata"))
    if "inputTokens" in usage:
        return converse_usage(usage)
    if "billed_units" in (meta := details(answer, "meta")):
        return cohere_usage(meta)
    found = searched(usage_of(Endpoint.OPAQUE, usage), answer)
    made = _images(answer)
    if made and found.output_tokens and not dict(found.extras).get(Extra.OUTPUT_IMAGE):
        painted = extras_of({Extra.OUTPUT_IMAGE: found.output_tokens})
        return replace(found, extras=added((found.extras, painted)))
    if found != NO_USAGE:
        return found
    return Usage(extras=extras_of({Extra.IMAGES: made, Extra.AUDIO_MS: millis(answer, "duration")}))


def gemini_usage(report: Mapping[str, Any]) -> Usage:
    """Gemini's own words: the cache is inside the prompt; thoughts and what its tools read are beside the rest."""
    cached, told = count(report, "cachedContentTokenCount"), count(report, "promptTokenCount")
    thoughts = count(report, "thoughtsTokenCount")
    cached = min(cached, told)
    parts = {extra: many for key, kinds in _PARTS.items() for extra, many in _modalities(report, key, kinds)}
    for inside, around in _CACHED.items():  # the prompt's details count the cached ones too
        parts[around] = parts.get(around, 0) - parts.get(inside, 0)
    return Usage(
        input_tokens=told - cached + count(report, "toolUsePromptTokenCount"),
        cached_input_tokens=cached,
        output_tokens=count(report, "candidatesTokenCount") + thoughts,
        reasoning_tokens=thoughts,
        extras=extras_of(parts),
    )


def converse_usage(report: Mapping[str, Any]) -> Usage:
    """Bedrock's Converse counts what came from a cache and went into it beside the input."""
    written, listed = count(report, "cacheWriteInputTokens"), report.get("cacheDetails")
    kept = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    hour = sum(count(one, "inputTokens") for one in kept if one.get("ttl") == "1h")
    return Usage(
        input_tokens=count(report, "inputTokens"),
        cached_input_tokens=count(report, "cacheReadInputTokens"),
        cache_write_tokens=written,
        output_tokens=count(report, "outputTokens"),
        extras=extras_of({Extra.WRITTEN_1H: min(hour, written)}),
    )


def _modalities(report: Mapping[str, Any], key: str, kinds: Mapping[str, Extra]) -> list[tuple[Extra, int]]:
    listed = report.get(key)
    ones = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [
        (kinds[kind], count(one, "tokenCount")) for one in ones if (kind := str(one.get("modality"))) in kinds
    ]


def _images(answer: Mapping[str, Any]) -> int:
    """How many pictures an answer holds."""
    data = answer.get("data")
    made = [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []
    return sum("b64_json" in one or ("url" in one and "embedding" not in one) for one in made)

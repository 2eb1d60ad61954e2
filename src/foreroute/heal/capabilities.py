"""What a channel cannot do, learnt from its refusals, so that the second such request goes elsewhere at once.

A refusal is taken back by a success that contradicts it, and forgotten after a week: models are exchanged.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from foreroute.core.attempt import Attempt, Outcome
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.patterns import ChannelFact, Refusals

_LASTS_S: Final = 7 * 86_400.0
_PARAMETERS_MAX: Final = 8
_TOOLS: Final = re.compile(r"\b(?:tools?|functions?)\b|tool_choice|function_call", re.IGNORECASE)
_PARAMETERS: Final = (
    "temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "max_output_tokens",
    "presence_penalty", "presencePenalty", "frequency_penalty", "frequencyPenalty", "repetition_penalty",
    "logit_bias", "logprobs", "top_logprobs", "response_format", "seed", "stop", "stream_options", "tool_choice",
    "parallel_tool_calls", "reasoning", "reasoning_effort", "reasoningEffort", "reasoning_content", "thinking",
    "service_tier", "metadata", "store", "modalities", "audio", "prediction", "verbosity", "web_search_options",
    "functions", "function_call", "user", "safety_identifier", "prompt_cache_key", "truncation", "cache_control",
)  # fmt: skip
"""Names that requests to known APIs have: a word that is none of them may be the caller's own."""
_NAMED: Final = re.compile(r"(?<![\w.])(" + "|".join(sorted(_PARAMETERS, key=len, reverse=True)) + r")(?!\w)")
_QUOTED: Final = re.compile(r"[`'\"](" + "|".join(sorted(_PARAMETERS, key=len, reverse=True)) + r")[`'\"]")
_LIMIT: Final = re.compile(
    r"(?:maximum|max|limit)[^0-9]{0,60}?(\d{3,9})\s*(?:input )?tokens|(\d{3,9})\s*(?:tokens )?(?:maximum|max\b)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Learnt:
    refused_tokens: int | None = None
    refused_at: float = 0.0
    stated_tokens: int | None = None
    tools_at: float | None = None
    """When tools were last refused."""
    parameters: dict[str, float] = field(default_factory=dict)


class Capabilities:
    """One row for each channel that has refused anything."""

    def __init__(self) -> None:
        self._rows: dict[ChannelId, _Learnt] = {}

    def observe(self, attempt: Attempt) -> None:
        match attempt.failure_class:
            case FailureClass.CONTEXT_LENGTH_EXCEEDED if attempt.asked.input_tokens > 0:
                self._too_long(attempt)
            case FailureClass.UNSUPPORTED_FEATURE:
                self._unsupported(attempt)
            case None if attempt.outcome is Outcome.SUCCESS and attempt.channel in self._rows:
                self._succeeded(attempt)
            case _:
                pass

    def refusals(self, at: float) -> dict[ChannelId, Refusals]:
        """What holds now."""
        found = {}
        for channel, row in self._rows.items():
            tokens = row.refused_tokens if at - row.refused_at < _LASTS_S else None
            refusals = Refusals(
                input_tokens_max=None if tokens is None else tokens - 1,
                tools=row.tools_at is None or at - row.tools_at >= _LASTS_S,
                parameters=tuple(
                    sorted(name for name, since in row.parameters.items() if at - since < _LASTS_S)
                ),
            )
            if refusals != Refusals():
                found[channel] = refusals
        return found

    def facts(self, at: float) -> list[ChannelFact]:
        found = []
        for channel, refusals in self.refusals(at).items():
            row = self._rows[channel]
            if refusals.input_tokens_max is not None:
                stated = f" (it says {row.stated_tokens})" if row.stated_tokens else ""
                value = f"about {refusals.input_tokens_max} input tokens{stated}"
                found.append(_fact(channel, "input_tokens_max", value, row.refused_at))
            if not refusals.tools:
                found.append(_fact(channel, "tools", "not supported", row.tools_at or at))
            found += [
                _fact(channel, "parameter", f"{name} is not supported", row.parameters[name])
                for name in refusals.parameters
            ]
        return found

    def dump(self) -> dict[str, Any]:
        return {
            channel: [row.refused_tokens, row.refused_at, row.stated_tokens, row.tools_at, row.parameters]
            for channel, row in self._rows.items()
        }

    def load(self, fields: Mapping[str, Any]) -> None:
        """Raises TypeError or ValueError, and changes nothing, on what `dump` did not write."""
        rows = {}
        for channel, (tokens, at, stated, tools_at, parameters) in fields.items():
            rows[ChannelId(channel)] = _Learnt(
                refused_tokens=None if tokens is None else int(tokens),
                refused_at=float(at),
                stated_tokens=None if stated is None else int(stated),
                tools_at=None if tools_at is None else float(tools_at),
                parameters={str(name): float(since) for name, since in parameters.items()},
            )
        self._rows = rows

    def _too_long(self, attempt: Attempt) -> None:
        row = self._rows.setdefault(attempt.channel, _Learnt())
        tokens, at = attempt.asked.input_tokens, attempt.started_at
        standing = row.refused_tokens if at - row.refused_at < _LASTS_S else None
        row.refused_tokens = tokens if standing is None else min(standing, tokens)
        row.refused_at = at
        if (stated := _LIMIT.search(attempt.error)) is not None:
            row.stated_tokens = int(stated.group(1) or stated.group(2))

    def _unsupported(self, attempt: Attempt) -> None:
        row, at = self._rows.setdefault(attempt.channel, _Learnt()), attempt.started_at
        if attempt.asked.tools and _TOOLS.search(attempt.error):
            row.tools_at = at
            return
        named = _QUOTED.search(attempt.error) or _NAMED.search(attempt.error)
        if named is None:
            return
        name = named.group(1)  # the first one: what follows is often what to use instead
        if name in row.parameters or len(row.parameters) < _PARAMETERS_MAX:
            row.parameters[name] = at

    def _succeeded(self, attempt: Attempt) -> None:
        row = self._rows[attempt.channel]
        if row.refused_tokens is not None and attempt.asked.input_tokens >= row.refused_tokens:
            row.refused_tokens = None
        if row.tools_at is not None and attempt.asked.tools:
            row.tools_at = None


def _fact(channel: ChannelId, name: str, value: str, at: float) -> ChannelFact:
    return ChannelFact(channel=channel, name=name, value=value, at=at)

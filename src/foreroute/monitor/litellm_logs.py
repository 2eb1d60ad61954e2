"""LiteLLM's spend logs as attempts: what each request cost and how long it took, on which of our channels.

The columns are those of the table `LiteLLM_SpendLogs` in LiteLLM's `schema.prisma`: request_id, startTime, endTime,
completionStartTime, model, model_group, api_base, spend, prompt_tokens, completion_tokens, status, cache_hit. Times are
UTC. A request that LiteLLM answered from its cache has asked no channel and is left out.
"""

import csv
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.channel import Channel
from foreroute.core.errors import HistoryError
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.monitor.history_csv import instant_of

SOURCE: Final = "import:litellm"
_NEEDED: Final = ("startTime", "endTime", "model")
_TOLD_S: Final = 0.001
"""Without a stream, LiteLLM writes the end of the answer as its beginning too, to the millisecond."""

Row = Mapping[str, Any]
What = tuple[str, str, str]
"""(model, api_base, model_group)"""


@dataclass(slots=True)
class Matched:
    """Which rows became whose attempts."""

    channels: dict[What, ChannelId] = field(default_factory=dict)
    rows: Counter[What] = field(default_factory=Counter)
    unmatched: dict[What, str] = field(default_factory=dict)
    """Why no channel, or no single one, is meant."""
    cached: int = 0


class Matcher:
    """Finds the channel that a row means: by name where the operator says so, else by host and model, else by route."""

    def __init__(
        self,
        channels: Sequence[Channel],
        routes: Mapping[RouteName, Sequence[ChannelId]],
        named: Mapping[str, ChannelId],
    ) -> None:
        self._channels, self._routes, self._named = tuple(channels), routes, named
        self.seen = Matched()

    def channel_of(self, what: What) -> ChannelId | None:
        if what in self.seen.channels or what in self.seen.unmatched:
            return self.seen.channels.get(what)
        found = self._find(what)
        if len(found) == 1:
            self.seen.channels[what] = found[0]
        else:
            names = ", ".join(found)
            self.seen.unmatched[what] = f"could be any of {names}" if found else "no channel is like that"
        return self.seen.channels.get(what)

    def _find(self, what: What) -> list[ChannelId]:
        model, base, group = what
        for name in (group, model, base):
            if name and name in self._named:
                return [self._named[name]]
        host = urlsplit(base).hostname
        alike = [one for one in self._channels if _is_model(model, one.model)]
        if host:
            alike = [one for one in alike if urlsplit(one.base_url).hostname == host]
        mine = self._routes.get(RouteName(group), ())
        inside = [one for one in alike if one.id in mine]
        return [one.id for one in inside or alike]


def read_logs(lines: Iterable[str], name: str) -> Iterator[tuple[int, Row]]:
    """(line, row) of comma-separated values, of JSON lines, or of one JSON list. Raises HistoryError."""
    text = iter(lines)
    first = next(text, "")
    if first.lstrip()[:1] not in ("{", "["):
        yield from _csv_rows(itertools.chain([first], text), name)
        return
    try:
        if first.lstrip().startswith("["):
            rows: Iterable[Any] = orjson.loads("".join(itertools.chain([first], text)))
        else:
            rows = (orjson.loads(line) for line in itertools.chain([first], text) if line.strip())
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict):
                raise HistoryError("is no row of a spend log", where=f"{name}:{number}")
            _check(row, name, number)
            yield number, row
    except orjson.JSONDecodeError as error:
        raise HistoryError(f"is no JSON: {error}", where=name) from None


def attempts_of(rows: Iterable[tuple[int, Row]], name: str, matcher: Matcher) -> Iterator[Attempt]:
    """The attempts of the rows that a channel is known for; `matcher.seen` says what became of all of them."""
    seen = matcher.seen
    for line, row in rows:
        if str(row.get("cache_hit") or "").lower() == "true":
            seen.cached += 1
            continue
        what = tuple(str(row.get(key) or "") for key in ("model", "api_base", "model_group"))
        seen.rows[what[0], what[1], what[2]] += 1
        channel = matcher.channel_of((what[0], what[1], what[2]))
        if channel is not None:
            yield _attempt(row, channel, f"{name}:{line}")


def _csv_rows(lines: Iterable[str], name: str) -> Iterator[tuple[int, Row]]:
    rows = csv.DictReader(lines)
    _check(dict.fromkeys(rows.fieldnames or ()), name, 1)
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise HistoryError(f"is no comma-separated text: {error}", where=f"{name}:{rows.line_num}") from None


def _check(row: Row, name: str, line: int) -> None:
    if missing := [column for column in _NEEDED if column not in row]:
        hint = "an export of the table LiteLLM_SpendLogs with its column names is wanted, as CSV or JSON"
        raise HistoryError(f"has no {' and no '.join(missing)}", where=f"{name}:{line}", hint=hint)


def _attempt(row: Row, channel: ChannelId, where: str) -> Attempt:
    start_at = instant_of(str(row["startTime"] or ""), where)
    end_at = instant_of(str(row["endTime"] or ""), where)
    begun = row.get("completionStartTime")
    first_s = instant_of(str(begun), where) - start_at if begun else None
    duration_s = max(0.0, end_at - start_at)
    stream = first_s is not None and 0.0 < first_s < duration_s - _TOLD_S
    failed = str(row.get("status") or "success").lower() == "failure"
    usage = Usage(
        input_tokens=_count(row, "prompt_tokens", where),
        output_tokens=_count(row, "completion_tokens", where),
    )
    return Attempt(
        request_id=RequestId(str(row.get("request_id") or where)),
        number=1,
        route=RouteName(str(row.get("model_group") or row["model"])),
        channel=channel,
        started_at=start_at,
        duration_s=duration_s,
        outcome=Outcome.FAILURE if failed else Outcome.SUCCESS,
        failure_class=FailureClass.NETWORK_UNSPECIFIED if failed else None,
        reason=PickReason.CONFIGURED,
        plan_version=0,
        stream=stream,
        time_to_first_chunk_s=first_s if stream else None,
        usage=usage,
        cost_usd=_cost(row, usage, where),
    )


def _cost(row: Row, usage: Usage, where: str) -> Decimal | None:
    """LiteLLM books nothing for a model that it has no price of: that is unknown, not free."""
    text = str(row.get("spend") or 0)
    try:
        cost = Decimal(text)
    except InvalidOperation:
        raise HistoryError(f"spend {text!r} is no number", where=where) from None
    return None if cost == 0 and usage != Usage() else cost


def _count(row: Row, name: str, where: str) -> int:
    text = row.get(name) or 0
    try:
        return max(0, int(text))
    except (TypeError, ValueError):
        raise HistoryError(f"{name} {text!r} is no number", where=where) from None


def _is_model(theirs: str, ours: str) -> bool:
    """`openai/gpt-4o-2024-08-06` is our `gpt-4o`: with its provider before it, or its version behind it."""
    plain = theirs if ours.count("/") >= theirs.count("/") else theirs.split("/", 1)[1]
    if plain == ours:
        return True
    version = plain.removeprefix(f"{ours}-")
    return version != plain and version.replace("-", "").isdigit()

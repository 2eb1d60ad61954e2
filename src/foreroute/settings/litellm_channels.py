"""A LiteLLM deployment becomes a channel: its name, key, price, limits and times."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from foreroute.settings.document import Path
from foreroute.settings.litellm_deployments import Deployment
from foreroute.settings.litellm_notes import Notes
from foreroute.settings.litellm_read import VARIABLE, as_number, number_at

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_REGIONS: Final = ("region_name", "aws_region_name", "vertex_location", "watsonx_region_name")
_ANYWHERE: Final = "global"
_PLACEHOLDERS: Final = frozenset(
    {"", "none", "null", "empty", "dummy", "fake", "fake-key", "not-needed", "no-key", "anything", "ollama"}
)
"""What people write where a server asks for no key."""
_COSTS: Final = {
    "input_cost_per_token": "input_usd_per_mtok",
    "output_cost_per_token": "output_usd_per_mtok",
    "cache_read_input_token_cost": "cached_input_usd_per_mtok",
    "cache_creation_input_token_cost": "cache_write_usd_per_mtok",
}
_MESSAGES_ONLY: Final = (
    "the channel serves /v1/messages alone: LiteLLM translates chat completions for it, Foreroute does not, so it does "
    "not stand in for channels of the OpenAI dialect either. For clients of that dialect, remove `dialect: anthropic`: "
    "Anthropic serves chat completions at the same address"
)
_NEEDED: Final = ("input_usd_per_mtok", "output_usd_per_mtok")
_COST_MIN: Final = 1e-15


@dataclass(slots=True, kw_only=True)
class ChannelDraft:
    """A channel of the result, and what decides about its part of the route."""

    id: str
    route: str
    provider: str
    region: str
    model: str
    base_url: str
    dialect: str
    key: str | None
    """The environment variable that holds it."""
    limits: dict[str, int] = field(default_factory=dict)
    price: dict[str, Decimal] = field(default_factory=dict)
    total_s: float | None = None
    first_chunk_s: float | None = None
    shares: dict[str, float] = field(default_factory=dict)
    """By `weight`, `rpm` or `tpm`, as far as it has them."""
    order: float | None = None
    path: Path
    """Where it stands in the file."""


class Drafts:
    """Makes channels of deployments, with ids and key variables that are free."""

    def __init__(self, notes: Notes, taken: set[str]) -> None:
        """`taken`: variables that mean something already."""
        self._notes = notes
        self._taken = taken
        self._literals: dict[str, str] = {}
        self._ids: set[str] = set()

    def draft(self, one: Deployment) -> ChannelDraft:
        draft = ChannelDraft(
            id=self._id(one),
            route=one.route,
            path=one.path,
            provider=one.host.provider,
            region=self._region(one),
            model=one.model,
            base_url=one.base_url,
            dialect=one.host.dialect,
            key=self._key(one),
            price=self._price(one),
        )
        self._limits(one, draft)
        self._timeouts(one, draft)
        if draft.dialect != "openai":
            self._notes.remark(one.path, 0, _MESSAGES_ONLY)
        draft.order = number_at(one.params, one.at("order"), self._notes, fits=lambda _: True)
        if draft.order is not None:
            self._notes.mapped(one.at("order"), "priority of the target")
        return draft

    def _id(self, one: Deployment) -> str:
        given = one.info.get("id")
        path = (*one.path, "model_info", "id")
        wanted = given if isinstance(given, str) and NAME.fullmatch(given) else None
        free = _free(
            wanted or slug(f"{one.host.provider}-{one.model.rpartition('/')[2]}"), self._ids.__contains__
        )
        self._ids.add(free)
        if given is not None and free == given:
            self._notes.mapped(path, f"channel {free}")
        elif given is not None:
            self._notes.by_hand(path, f"is no name, or taken: the channel is called {free}")
        return free

    def _region(self, one: Deployment) -> str:
        for key in _REGIONS:
            value = one.params.get(key)
            if isinstance(value, str) and value:
                region = value if NAME.fullmatch(VARIABLE.sub("x", value)) else slug(value)
                self._notes.mapped(one.at(key), f"region: {region}")
                return region
        return _ANYWHERE

    def _key(self, one: Deployment) -> str | None:
        value, path = one.params.get("api_key"), one.at("api_key")
        if value is None:
            if one.default_key is not None:
                self._notes.remark(one.path, 0, f"has no api_key: the channel takes ${{{one.default_key}}}")
            return one.default_key
        if isinstance(value, str) and (found := VARIABLE.fullmatch(value)):
            self._notes.mapped(path, f"api_key: {value}")
            return found[1]
        if one.host.key is None and str(value).strip().lower() in _PLACEHOLDERS:
            self._notes.mapped(path, "no api_key: it says that none is needed")
            return None
        name = self._literals.get(str(value))
        if name is None:
            name = _free(
                one.host.key or f"{_upper(one.host.provider)}_API_KEY", self._taken.__contains__, "_"
            )
            self._literals[str(value)] = name
            self._taken.add(name)
        self._notes.by_hand(path, f"a key stands in the file and is not copied: export it as {name}")
        return name

    def _price(self, one: Deployment) -> dict[str, Decimal]:
        found: dict[str, tuple[Path, Decimal]] = {}
        for key, ours in _COSTS.items():
            # LiteLLM takes either section; what stands with the call itself wins.
            for path, section in (((*one.path, "model_info", key), one.info), (one.at(key), one.params)):
                if section.get(key) is None:
                    continue
                number = as_number(section[key])
                if number is None or not (number == 0 or _COST_MIN <= number <= 1):
                    self._notes.by_hand(path, "is not a price of one token, in US dollars")
                    continue
                if ours in found:
                    self._notes.absent(found[ours][0], "litellm_params has another price, which wins")
                found[ours] = (path, Decimal(str(section[key]).strip()) * 1_000_000)
        is_whole = all(ours in found for ours in _NEEDED)
        if one.info.get("base_model") and not is_whole:
            self._notes.by_hand(
                (*one.path, "model_info", "base_model"),
                "prices are found by the channel's model: set `price` if `foreroute check` finds none",
            )
        for ours, (path, _) in found.items():
            if is_whole:
                self._notes.mapped(path, f"price.{ours}, of a million tokens")
            else:
                self._notes.by_hand(path, "is left out: a price needs both input and output")
        return {ours: price for ours, (_, price) in found.items()} if is_whole else {}

    def _limits(self, one: Deployment, draft: ChannelDraft) -> None:
        for key, ours in (
            ("rpm", "requests_per_minute"),
            ("tpm", "tokens_per_minute"),
            ("max_parallel_requests", "concurrency"),
        ):
            number = number_at(one.params, one.at(key), self._notes)
            if number is None:
                continue
            draft.limits[ours] = max(1, int(number))
            draft.shares[key] = number
            self._notes.mapped(one.at(key), f"limits.{ours}: {draft.limits[ours]}")
        weight = number_at(one.params, one.at("weight"), self._notes, fits=lambda n: n >= 0)
        if weight is not None:
            draft.shares["weight"] = weight
            self._notes.mapped(one.at("weight"), "weight of the target")

    def _timeouts(self, one: Deployment, draft: ChannelDraft) -> None:
        draft.total_s = number_at(one.params, one.at("timeout"), self._notes)
        if draft.total_s is not None:
            self._notes.mapped(one.at("timeout"), "timeouts.total")
        draft.first_chunk_s = number_at(one.params, one.at("stream_timeout"), self._notes)
        if draft.first_chunk_s is not None:
            self._notes.mapped(one.at("stream_timeout"), "timeouts.first_chunk")


def slug(text: str) -> str:
    """The nearest name that is allowed."""
    name = re.sub(r"[^A-Za-z0-9._:/-]+", "-", VARIABLE.sub("", text)).strip("-._:/")[:120]
    return name or "unnamed"


def _upper(text: str) -> str:
    name = re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")
    return name if name[:1].isalpha() else f"P_{name}"


def _free(wanted: str, is_taken: Callable[[str], bool], joint: str = "-") -> str:
    name, number = wanted, 2
    while is_taken(name):
        name, number = f"{wanted[:110]}{joint}{number}", number + 1
    return name

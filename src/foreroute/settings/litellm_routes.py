"""LiteLLM's router: which channel of a route serves how much, how often it tries, and who stands in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from foreroute.settings.document import Path
from foreroute.settings.litellm_channels import NAME, ChannelDraft, slug
from foreroute.settings.litellm_notes import Notes
from foreroute.settings.litellm_read import number_at

_ATTEMPTS_MAX: Final = 10
_ANY: Final = "*"
_OTHERS: Final = "routes that have none of their own"
_SHUFFLE: Final = "simple-shuffle"
_NARROW: Final = {
    "context_window_fallbacks": "prompts that are too long",
    "content_policy_fallbacks": "prompts that were filtered",
}


@dataclass(slots=True, kw_only=True)
class RouteDraft:
    model: str
    targets: list[tuple[str, float, int]]
    """Channel, weight, priority."""
    attempts_max: int | None = None
    fallbacks: list[str] = field(default_factory=list)
    comment: str = ""


class Routes:
    """The routes of the result, by LiteLLM's names for them."""

    def __init__(self, channels: Sequence[ChannelDraft], notes: Notes) -> None:
        self._notes = notes
        self.by_name: dict[str, RouteDraft] = {}
        self._aliases: list[tuple[RouteDraft, RouteDraft]] = []
        groups: dict[str, list[ChannelDraft]] = {}
        for channel in channels:
            groups.setdefault(channel.route, []).append(channel)
        for name, group in groups.items():
            self.by_name[name] = RouteDraft(
                model=self._name(name, group[0].path), targets=list(_targets(group))
            )

    def alias(self, section: Mapping[str, Any], path: Path) -> None:
        aliases = section.get("model_group_alias")
        for alias, value in aliases.items() if isinstance(aliases, dict) else ():
            at = (*path, "model_group_alias", alias)
            name = value.get("model") if isinstance(value, dict) else value
            known = self.by_name.get(name) if isinstance(name, str) else None
            if known is None or alias in self.by_name:
                why = "that name has a route already" if known else "there is no route of that name"
                self._notes.by_hand(at, f"is left out: {why}")
                continue
            other = replace(
                known, model=self._name(alias, at), fallbacks=[], comment=f"another name of {known.model}"
            )
            self.by_name[alias] = other
            self._aliases.append((other, known))
            hidden = isinstance(value, dict) and value.get("hidden")
            self._notes.mapped(at, "a route of that name" + ", which the list of models shows" * bool(hidden))

    def retries(self, section: Mapping[str, Any], path: Path) -> bool:
        """Whether the section says how often to try."""
        at = (*path, "num_retries")
        number = number_at(section, at, self._notes, fits=lambda n: n >= 0)
        if number is None:
            return False
        attempts = min(_ATTEMPTS_MAX, 1 + int(min(number, _ATTEMPTS_MAX)))
        for route in self.by_name.values():
            route.attempts_max = attempts
        capped = f" (the most there is, for {number:g} retries)" if number >= _ATTEMPTS_MAX else ""
        self._notes.mapped(at, f"attempts_max: {attempts}{capped}")
        return True

    def strategy(self, section: Mapping[str, Any], path: Path) -> None:
        value, at = section.get("routing_strategy"), (*path, "routing_strategy")
        if value == _SHUFFLE:
            self._notes.mapped(at, "weights of the targets")
        elif value is not None:
            self._notes.by_hand(
                at,
                "weights share the traffic, a channel that is slower than its norm gets less of it at once, and "
                "forecasts move it with `autopilot: act` and an objective: check the weights",
            )

    def fallbacks(self, section: Mapping[str, Any], path: Path) -> None:
        """Those of single routes."""
        for at, name, others in _fallbacks_in(section, path, self._notes):
            if name == _ANY:
                continue
            route = self.by_name.get(name)
            if route is None:
                self._notes.by_hand(at, "is left out: there is no route of that name")
                continue
            self._stand_in([route], others, at, route.model)
        for key, what in _NARROW.items():
            if section.get(key):
                self._notes.by_hand(
                    (*path, key),
                    f"fallbacks stand in for {what} and for any other failure alike: add these where that is right",
                )

    def lend(self) -> None:
        """Another name has the fallbacks of the route that it names, unless it has some of its own."""
        for other, known in self._aliases:
            other.fallbacks = other.fallbacks or list(known.fallbacks)

    def default_fallbacks(self, section: Mapping[str, Any], path: Path) -> None:
        """Those of all routes that have none of their own."""
        bare = [route for route in self.by_name.values() if not route.fallbacks]
        default = section.get("default_fallbacks")
        if default:
            self._stand_in(bare, default, (*path, "default_fallbacks"), _OTHERS)
        for at, name, others in _fallbacks_in(section, path, None):
            if name == _ANY:
                self._stand_in(bare, others, at, _OTHERS)

    def _stand_in(self, routes: Sequence[RouteDraft], others: Any, path: Path, who: str) -> None:
        for other in others if isinstance(others, list) else [others]:
            known = self.by_name.get(other) if isinstance(other, str) else None
            if known is None:
                shown = repr(other[:60]) if isinstance(other, str) else "what is not a name"
                self._notes.by_hand(path, f"{shown} is left out: there is no route of that name")
                continue
            for route in routes:
                if route.targets != known.targets and known.model not in route.fallbacks:
                    route.fallbacks.append(known.model)
            self._notes.mapped(path, f"fallbacks of {who}: {known.model}")

    def _name(self, name: str, path: Path) -> str:
        taken = {route.model for route in self.by_name.values()}
        if NAME.fullmatch(name) and name not in taken:
            return name
        free, number = slug(name), 2
        while free in taken or free in self.by_name:
            free, number = f"{slug(name)[:110]}-{number}", number + 1
        self._notes.remark(
            path, 0, f"the model {name[:60]!r} is called {free!r}: names have no other characters"
        )
        return free


def _fallbacks_in(
    section: Mapping[str, Any], path: Path, notes: Notes | None
) -> Iterator[tuple[Path, str, Any]]:
    """Place, name and stand-ins; what has another form is noted, if there are notes."""
    value = section.get("fallbacks")
    for index, one in enumerate(value if isinstance(value, list) else []):
        at = (*path, "fallbacks", index)
        if isinstance(one, dict):
            yield from (((*at, name), name, others) for name, others in one.items())
        elif notes is not None:
            notes.by_hand(at, "is left out: it is not a name with a list of names")


def _targets(group: Sequence[ChannelDraft]) -> Iterator[tuple[str, float, int]]:
    """As LiteLLM's simple shuffle: by `weight` if anybody has one, else by `rpm`, else by `tpm`, else alike."""
    kind = next((kind for kind in ("weight", "rpm", "tpm") if any(c.shares.get(kind) for c in group)), None)
    orders = sorted({channel.order for channel in group if channel.order is not None})
    for channel in group:
        weight = 1.0 if kind is None else channel.shares.get(kind, 0.0)
        # Who has no order while others have one is asked last.
        priority = len(orders) if channel.order is None else orders.index(channel.order)
        yield channel.id, weight, priority if orders else 0

"""Wishes narrow and reorder a route, and nothing else does."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.channel import Channel, Dialect
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import Route, Target
from foreroute.core.work import Work
from foreroute.gateway.narrow import Knowledge, UnitPrice, Wants, narrowed
from foreroute.gateway.wire.preferences import NO_PREFERENCES, Preferences, Sort

PROVIDERS = {"a": "openai", "b": "azure", "c": "openai", "d": "claude", "n": "openai"}
PRICES = {"a": ("2", "8"), "b": ("1", "4"), "c": ("0.5", "12"), "d": ("3", "3")}
LATENCY = {"a": 0.3, "b": 0.2, "c": 0.1, "d": float("inf"), "n": float("inf")}
PACE = {"a": 0.01, "b": 0.03, "c": 0.02, "d": float("inf"), "n": float("inf")}


def channel(name: str) -> Channel:
    return Channel(
        id=ChannelId(name),
        provider=PROVIDERS[name],
        cloud="c",
        region=RegionId("r"),
        model="m",
        base_url="http://x",
        dialect=Dialect.ANTHROPIC if name == "d" else Dialect.OPENAI,
    )


def price(one: Channel) -> UnitPrice | None:
    if one.id not in PRICES:
        return None
    given_, made = PRICES[one.id]
    return UnitPrice(input_usd=Decimal(given_), output_usd=Decimal(made))


KNOWN = Knowledge(
    channels={ChannelId(name): channel(name) for name in PROVIDERS},
    unit_price=price,
    delay_s=lambda channel, work, _: LATENCY[channel] * (1.0 + work.input_tokens / 1000),
    seconds_per_token=PACE.__getitem__,
)
ROUTE = Route(
    name=RouteName("r"),
    targets=tuple(
        Target(channel=ChannelId(n), weight=0.5, priority=p)
        for n, p in zip("abcn", (0, 0, 1, 2), strict=True)
    ),
)


def wishing(route: Route = ROUTE, *, pinned: str | None = None, **wishes: Any) -> str:
    """The channels in order of priority; those of one priority in brackets."""
    wants = Wants(
        dialect=Dialect.OPENAI,
        preferences=Preferences(**wishes) if wishes else NO_PREFERENCES,
        pinned=None if pinned is None else ChannelId(pinned),
    )
    targets = narrowed(route, wants, KNOWN).targets
    groups = [
        "".join(t.channel for t in targets if t.priority == p) for p in sorted({t.priority for t in targets})
    ]
    return " ".join(group if len(group) == 1 else f"({group})" for group in groups)


def test_without_wishes_the_route_is_the_same_object() -> None:
    assert narrowed(ROUTE, Wants(dialect=Dialect.OPENAI), KNOWN) is ROUTE
    allowing = Preferences(only=frozenset({"openai", "azure"}), models=(RouteName("other"),))
    assert narrowed(ROUTE, Wants(dialect=Dialect.OPENAI, preferences=allowing), KNOWN) is ROUTE


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"only": frozenset({"azure", "c"})}, "b c"),
        ({"only": frozenset({"nobody"})}, ""),
        ({"ignore": frozenset({"openai"})}, "b"),
        ({"ignore": frozenset({"a", "n"})}, "b c"),
        ({"only": frozenset({"openai"}), "ignore": frozenset({"a"})}, "c n"),
        ({"order": ("c", "azure")}, "c b a n"),
        ({"order": ("c",)}, "c (ab) n"),
        ({"order": ("openai",)}, "a c n b"),
        ({"order": ("c", "azure"), "fallbacks": False}, "c b"),
        ({"order": ("nobody",)}, "(ab) c n"),
        ({"order": ("nobody",), "fallbacks": False}, ""),
        ({"fallbacks": False}, "(ab) c n"),
        ({"sort": Sort.PRICE}, "b a c n"),
        ({"sort": Sort.LATENCY}, "c b a n"),
        ({"sort": Sort.THROUGHPUT}, "a c b n"),
        ({"sort": Sort.PRICE, "order": ("n",)}, "n b a c"),
        ({"input_price_max": Decimal(1)}, "b c"),
        ({"output_price_max": Decimal(8)}, "(ab)"),
        ({"input_price_max": Decimal(1), "output_price_max": Decimal(8)}, "b"),
        ({"input_price_max": Decimal("0.1")}, ""),
        ({"first_chunk_max_s": 0.25}, "b c n a"),
        ({"first_chunk_max_s": 0.05}, "n (ab) c"),
        ({"first_chunk_max_s": 1.0}, "(ab) c n"),
    ],
)  # fmt: skip
def test_wishes(wishes: dict[str, Any], expected: str) -> None:
    assert wishing(**wishes) == expected


def test_only_the_channel_that_knows_the_object() -> None:
    assert wishing(pinned="c") == "c"
    assert wishing(pinned="d") == "", "not of this route"
    assert wishing(pinned="c", ignore=frozenset({"c"})) == ""


def test_only_channels_that_speak_the_requests_format() -> None:
    mixed = Route(
        name=RouteName("r"), targets=(*ROUTE.targets, Target(channel=ChannelId("d"), weight=0.5, priority=9))
    )
    assert wishing(mixed) == "(ab) c n"
    assert [t.channel for t in narrowed(mixed, Wants(dialect=Dialect.ANTHROPIC), KNOWN).targets] == ["d"]


def test_a_channel_that_is_not_here_is_left_for_the_choice_to_report() -> None:
    strange = Route(name=RouteName("r"), targets=(Target(channel=ChannelId("z"), weight=1.0),))
    assert narrowed(strange, Wants(dialect=Dialect.OPENAI, pinned=ChannelId("a")), KNOWN) is strange
    assert wishing(strange, sort=Sort.PRICE) == "z"


NAMES = st.sampled_from(["a", "b", "c", "n", "openai", "azure", "nobody"])
WISHES = st.builds(
    Preferences,
    order=st.lists(NAMES, max_size=3).map(tuple),
    only=st.frozensets(NAMES, max_size=2),
    ignore=st.frozensets(NAMES, max_size=2),
    sort=st.none() | st.sampled_from(Sort),
    input_price_max=st.none() | st.decimals(0, 3, places=1),
    fallbacks=st.booleans(),
)


@given(WISHES)
def test_weights_and_policies_are_never_touched_and_nobody_is_added(wishes: Preferences) -> None:
    route = narrowed(ROUTE, Wants(dialect=Dialect.OPENAI, preferences=wishes), KNOWN)
    assert route.name == ROUTE.name
    before = {t.channel: (t.weight, t.policy) for t in ROUTE.targets}
    after = {t.channel: (t.weight, t.policy) for t in route.targets}
    assert after.items() <= before.items()
    assert len(after) == len(route.targets)
    for name in after:
        names = {name, PROVIDERS[name]}
        assert not names & wishes.ignore
        assert not wishes.only or names & wishes.only


@pytest.mark.parametrize(("tokens", "last"), [(0, ["n"]), (1000, ["a", "n"]), (3000, ["a", "b", "n"])])
def test_patience_is_measured_by_what_the_request_asks_for(tokens: int, last: list[str]) -> None:
    """A channel that is quick enough for a short prompt may be too slow for a long one; c never is, n nobody knows."""
    wants = Wants(
        dialect=Dialect.OPENAI,
        preferences=Preferences(first_chunk_max_s=0.5, sort=Sort.LATENCY),
        work=Work(tokens, stream=True),
    )
    route = narrowed(ROUTE, wants, KNOWN)
    order = [t.channel for t in sorted(route.targets, key=lambda target: target.priority)]
    late = {t for t in "abc" if KNOWN.delay_s(ChannelId(t), wants.work, None) > 0.5}
    assert late == set(last) - {"n"}
    on_time = [name for name in order if name not in late]
    assert order == on_time + [name for name in order if name in late]

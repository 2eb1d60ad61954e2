from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from foreroute.cost.frontier import Offer, frontier

LEVELS = st.sampled_from([0.25, 0.5, 0.75, 1.0])
OFFERS = st.builds(Offer, channel=st.just(""), usd=LEVELS, latency_s=LEVELS, success=LEVELS, quality=LEVELS)


def offer(name: str, usd: float | None, latency_s: float | None, **more: float) -> Offer:
    return Offer(channel=name, usd=usd, latency_s=latency_s, **more)


def test_who_is_dearer_and_slower_is_named_with_what_dominates_it():
    found = frontier([offer("dear", 3.0, 2.0), offer("quick", 2.0, 1.0), offer("cheap", 1.0, 3.0)])
    assert [(one.offer.channel, one.dominated_by) for one in found] == [
        ("cheap", ()),
        ("quick", ()),
        ("dear", ("quick",)),
    ]


def test_quality_and_success_keep_a_dear_channel_on_the_frontier():
    found = frontier(
        [offer("a", 1.0, 1.0, quality=0.8), offer("b", 2.0, 1.0), offer("c", 2.0, 1.0, success=0.9)]
    )
    assert [one.offer.channel for one in found if one.on_frontier] == ["a", "b"]


def test_twins_do_not_dominate_each_other():
    assert all(one.on_frontier for one in frontier([offer("a", 1.0, 1.0), offer("b", 1.0, 1.0)]))


def test_what_is_not_known_is_not_compared():
    found = frontier([offer("a", None, 1.0), offer("b", 1.0, 1.0), offer("c", 0.5, None)])
    assert [(one.offer.channel, one.missing) for one in found] == [
        ("b", ()),
        ("a", ("price",)),
        ("c", ("latency",)),
    ]


@given(st.lists(OFFERS, min_size=1, max_size=12))
def test_as_the_definition_says(offers):
    named = [
        Offer(channel=str(n), usd=o.usd, latency_s=o.latency_s, success=o.success, quality=o.quality)
        for n, o in enumerate(offers)
    ]
    found = frontier(named)
    assert any(one.on_frontier for one in found)
    values: dict[str, Any] = {
        one.channel: (one.usd, one.latency_s, -one.success, -one.quality) for one in named
    }
    for one in found:
        mine = values[one.offer.channel]
        better = {
            n for n, v in values.items() if v != mine and all(a <= b for a, b in zip(v, mine, strict=True))
        }
        assert set(one.dominated_by) == better

from decimal import Decimal
from typing import Any

import pytest

from foreroute.core.attempt import NO_USAGE, Asked, Attempt, Outcome, PickReason, Usage
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId, RegionId, RequestId, RouteName
from foreroute.core.ledger import Spend
from foreroute.cost.ledger import price_attempts, total_spend
from foreroute.cost.pricebook import GenaiPriceBook, OwnPrices
from foreroute.cost.unit_prices import UnitPrices


def channel(name: str) -> Channel:
    return Channel(
        id=ChannelId(name),
        provider="nobody",
        cloud="c",
        region=RegionId("r"),
        model="m",
        base_url="http://x/v1",
    )


CHANNELS = {ChannelId(name): channel(name) for name in ("paid", "free", "unlisted")}
BOOK = GenaiPriceBook(
    {
        ChannelId("paid"): UnitPrices(input=Decimal(2), output=Decimal(8)),
        ChannelId("free"): UnitPrices(input=Decimal(0), output=Decimal(0)),
    }
)


def attempt(
    name: str = "paid", usage: Usage = NO_USAGE, outcome: Outcome = Outcome.SUCCESS, **more
) -> Attempt:
    return Attempt(
        request_id=RequestId("r1"),
        number=1,
        route=RouteName("chat"),
        channel=ChannelId(name),
        started_at=0.0,
        duration_s=1.0,
        outcome=outcome,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        usage=usage,
        **more,
    )


def cost(one: Attempt) -> Decimal | None:
    (entry,) = price_attempts([one], CHANNELS, BOOK)
    assert entry.attempt.cost_usd == entry.cost_usd
    assert (entry.cost_usd is None) == (entry.price_source == "unpriced")
    return entry.cost_usd


def test_each_attempt_gets_one_row_with_its_cost():
    many = [attempt(usage=Usage(1000, 0, 0, 500)), attempt("free", Usage(5)), attempt("unlisted", Usage(5))]
    entries = price_attempts(many, CHANNELS, BOOK)
    assert [entry.cost_usd for entry in entries] == [Decimal("0.006"), Decimal(0), None]
    assert [entry.price_source for entry in entries] == ["config", "config", "unpriced"]
    assert [entry.attempt.request_id for entry in entries] == [one.request_id for one in many]


def test_a_channel_that_left_the_configuration_is_unpriced():
    assert cost(attempt("gone", Usage(5))) is None


def test_an_answer_without_reported_tokens_is_unpriced_not_free():
    assert cost(attempt(status=200)) is None
    assert cost(attempt("free", status=200)) == 0


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (attempt(outcome=Outcome.FAILURE, status=503, failure_class=FailureClass.OVERLOADED), Decimal(0)),
        (attempt(outcome=Outcome.THROTTLED, status=429, failure_class=FailureClass.RATE_LIMITED), Decimal(0)),
        (attempt(outcome=Outcome.FAILURE, phase=Phase.CONNECT), Decimal(0)),
        (attempt(outcome=Outcome.FAILURE, phase=Phase.HEADERS), Decimal(0)),
        (
            attempt(outcome=Outcome.TIMEOUT, phase=Phase.HEADERS, failure_class=FailureClass.TIMEOUT_READ),
            None,
        ),
        (attempt(outcome=Outcome.FAILURE, phase=Phase.STREAM, status=200), None),
        (attempt(outcome=Outcome.IGNORED, phase=Phase.SEND), None),
    ],
)
def test_a_failure_costs_nothing_only_where_nothing_can_have_been_billed(one, expected):
    assert cost(one) == expected


def test_spends_add_up():
    parts = [
        Spend(attempts=1, cost_usd=Decimal("0.1"), input_tokens=3),
        Spend(attempts=2, unpriced_attempts=1),
    ]
    assert total_spend(parts) == Spend(
        attempts=3, cost_usd=Decimal("0.1"), unpriced_attempts=1, input_tokens=3, output_tokens=0
    )


def test_the_tier_that_answered_is_billed_not_the_one_that_was_asked_for():
    own = OwnPrices(standard=UnitPrices(input=Decimal(2), output=Decimal(8)), tiers={"priority": Decimal(2)})
    book = GenaiPriceBook({ChannelId("paid"): own})
    asked, usage = Asked(tier="priority"), Usage(1_000_000)

    def paid(**more: Any) -> Decimal | None:
        return price_attempts([attempt(usage=usage, asked=asked, **more)], CHANNELS, book)[0].cost_usd

    assert paid() == 4, "nobody says what answered"
    assert paid(served_tier="default") == 2
    assert paid(served_tier="scale") is None, "a tier without a price is unpriced"
    asked = Asked()
    assert paid(served_tier="priority") == 4

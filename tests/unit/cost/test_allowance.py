"""What is free, and what is left to pay."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.errors import ConfigError
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry, Metered, SpendCell, SpendGroup
from foreroute.cost.allowance import ALLOWANCE, Allowance, FreeUse, windows_of

AT = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400.0
HERE = ChannelId("here")


def entry(
    tokens: int, at: float = AT, cost: Decimal | None = Decimal("0.3"), where: str = "here"
) -> LedgerEntry:
    attempt = Attempt(
        request_id=RequestId("r"),
        number=1,
        route=RouteName("chat"),
        channel=ChannelId(where),
        started_at=at,
        duration_s=1.0,
        outcome=Outcome.SUCCESS,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        usage=Usage(tokens),
        cost_usd=cost,
    )
    return LedgerEntry(attempt=attempt, cost_usd=cost, price_source="unpriced" if cost is None else "config")


def costs(use: FreeUse, *entries: LedgerEntry) -> list[Decimal | None]:
    taken = use.take(entries)
    assert all(one.attempt.cost_usd == one.cost_usd for one in taken)
    return [one.cost_usd for one in taken]


def test_what_is_left_of_the_tokens_is_free_and_the_rest_is_paid():
    use = FreeUse({HERE: Allowance(tokens_per_day=250)})
    assert costs(use, entry(100), entry(100), entry(100), entry(100)) == [
        0, 0, Decimal("0.15"), Decimal("0.3"),
    ]  # fmt: skip
    assert costs(use, entry(100, AT + DAY_S)) == [0]


def test_requests_are_free_until_they_are_used_up_and_other_channels_pay():
    use = FreeUse({HERE: Allowance(requests_per_month=2)})
    assert costs(use, entry(9), entry(9, where="there"), entry(9), entry(9)) == [
        0, Decimal("0.3"), 0, Decimal("0.3"),
    ]  # fmt: skip


def test_the_scarcest_allowance_decides():
    use = FreeUse({HERE: Allowance(tokens_per_day=100, requests_per_month=3)})
    assert costs(use, entry(60), entry(80)) == [0, Decimal("0.15")]


def test_free_of_charge_needs_no_price_and_beyond_it_is_unpriced():
    use = FreeUse({HERE: Allowance(requests_per_day=1)})
    first, second = use.take([entry(5, cost=None), entry(5, cost=None)])
    assert (first.cost_usd, first.price_source) == (Decimal(0), ALLOWANCE)
    assert first.prices is not None
    assert first.prices.free_ratio == 1
    assert (second.cost_usd, second.price_source) == (None, "unpriced")


def test_midnight_is_that_of_the_allowance():
    """Noon in UTC is evening in Seoul, whose next day begins three hours on."""
    use = FreeUse({HERE: Allowance(requests_per_day=1, time_zone="Asia/Seoul")})
    assert costs(use, entry(1), entry(1, AT + 7200.0), entry(1, AT + 3 * 3600.0)) == [0, Decimal("0.3"), 0]


def test_what_the_ledger_holds_has_been_used():
    free = {HERE: Allowance(tokens_per_month=1000, tokens_per_day=600)}
    month, yesterday, today = sorted(windows_of(free, AT), key=lambda one: (one.start_at, -one.end_at))
    use = FreeUse(free)
    use.begin(
        [
            SpendCell(
                month.start_at, month.end_at, SpendGroup("here"), Metered(attempts=3, input_tokens=500)
            ),
            SpendCell(
                today.start_at, today.end_at, SpendGroup("here"), Metered(attempts=1, output_tokens=100)
            ),
            SpendCell(today.start_at, today.end_at, SpendGroup("there"), Metered(input_tokens=10**6)),
        ],
        AT,
    )
    assert yesterday.end_at == today.start_at
    assert costs(use, entry(400), entry(400)) == [0, Decimal("0.225")]


@given(st.lists(st.integers(0, 500), max_size=30), st.integers(1, 3000), st.integers(0, 30))
def test_a_restart_in_between_changes_nothing(sizes, limit, cut):
    free = {HERE: Allowance(tokens_per_day=limit)}
    entries = [entry(tokens, AT + n) for n, tokens in enumerate(sizes)]
    whole = costs(FreeUse(free), *entries)
    before, after = FreeUse(free), FreeUse(free)
    first = costs(before, *entries[:cut])
    window = max(windows_of(free, AT), key=lambda one: one.start_at)
    tokens = Metered(attempts=len(entries[:cut]), input_tokens=sum(sizes[:cut]))
    after.begin([SpendCell(window.start_at, window.end_at, SpendGroup("here"), tokens)], AT)
    assert first + costs(after, *entries[cut:]) == whole


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(ConfigError, match="time zone"):
        Allowance(requests_per_day=1, time_zone="Mars/Base")

"""Rows at what is left to pay: a service that starts again knows from the ledger what of an allowance is used up."""

from decimal import Decimal

from foreroute.app.prices import LedgerPricer, allowances_of, price_book
from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.monitor.fold import merge_rollups
from foreroute.settings import parse_settings
from foreroute.settings.convert import channels_of
from foreroute.store.sqlite import SqliteStore

NOON = 1_793_534_400.0 // 86_400 * 86_400 + 43_200.0
YAML = b"""
channels:
  - id: trial
    provider: p
    region: here
    model: m
    base_url: http://127.0.0.1:1/v1
    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 1}
    free: {tokens_per_day: 250}
routes: [{model: chat, targets: [{channel: trial}]}]
"""


def attempt(number: int) -> Attempt:
    return Attempt(
        request_id=RequestId(f"r{number}"),
        number=1,
        route=RouteName("chat"),
        channel=ChannelId("trial"),
        started_at=NOON + number,
        duration_s=1.0,
        outcome=Outcome.SUCCESS,
        reason=PickReason.ONLY,
        plan_version=1,
        status=200,
        usage=Usage(100),
    )


async def test_what_is_free_is_counted_over_a_restart(tmp_path):
    settings = parse_settings(YAML, name="f", environment={})
    channels = {one.id: one for one in channels_of(settings)}
    store = await SqliteStore.open(tmp_path / "s.db", merge_rollups)
    paid = []
    for number in range(4):  # each in a life of its own
        pricer = LedgerPricer(channels, price_book(settings), allowances_of(settings))
        await pricer.begin(store, NOON + number)
        entries = pricer([attempt(number)])
        await store.append(entries, [])
        paid += [entry.cost_usd for entry in entries]
    assert paid == [0, 0, Decimal("0.00005"), Decimal("0.0001")]
    kept = await store.costs.rows(start_at=0.0, end_at=1e11, limit=9)
    assert [row.prices.free_ratio for row in kept if row.prices] == [1, 1, Decimal("0.5"), 0]
    await store.close()

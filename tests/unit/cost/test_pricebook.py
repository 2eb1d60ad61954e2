"""Prices: hand-computed bills, the library's own arithmetic as a second opinion, and no price is not zero."""

import functools
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.extras import Extra, extras_of
from foreroute.core.ids import ChannelId, RegionId
from foreroute.core.ports import Price
from foreroute.cost.pricebook import GenaiPriceBook, OwnPrices
from foreroute.cost.unit_prices import UnitPrices

AT = datetime(2026, 11, 2, 12, 0, tzinfo=UTC).timestamp()


def channel(provider: str, model: str, name: str = "one", url: str = "https://x.example/v1") -> Channel:
    return Channel(
        id=ChannelId(name), provider=provider, cloud=provider, region=RegionId("r"), model=model, base_url=url
    )


def test_an_openai_bill_by_hand():
    # gpt-4o-mini: $0.15 in, $0.075 cached, $0.60 out per million. 600 fresh + 400 cached + 100 out.
    price = GenaiPriceBook().cost_usd(channel("openai", "gpt-4o-mini"), Usage(600, 400, 0, 100), AT)
    assert price == Price(Decimal("0.00009") + Decimal("0.00003") + Decimal("0.00006"), "genai-prices")


def test_an_anthropic_bill_by_hand():
    # Claude Sonnet 4.5: $3 in, $0.30 cache read, $3.75 cache write, $15 out per million.
    usage = Usage(
        input_tokens=100,
        cached_input_tokens=1000,
        cache_write_tokens=200,
        output_tokens=50,
        reasoning_tokens=30,
    )
    price = GenaiPriceBook().cost_usd(channel("anthropic", "claude-sonnet-4-5"), usage, AT)
    assert price.cost_usd == Decimal("0.0003") + Decimal("0.0003") + Decimal("0.00075") + Decimal("0.00075")


def test_a_long_request_is_repriced_as_a_whole():
    book, gemini = GenaiPriceBook(), channel("google", "gemini-2.5-pro")
    assert book.cost_usd(gemini, Usage(200_000, 0, 0, 100), AT).cost_usd == Decimal("0.251")
    assert book.cost_usd(gemini, Usage(150_000, 100_000, 0, 100), AT).cost_usd == Decimal("0.4015")


def test_a_price_per_request_is_billed_once():
    price = GenaiPriceBook().cost_usd(channel("perplexity", "sonar"), Usage(1000, 0, 0, 10), AT)
    assert price.cost_usd == Decimal("0.01301")


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "no-such-model"), ("my-own-server", "gpt-4o-mini"), ("openai", "whisper-1")],
)
def test_what_nobody_lists_has_no_price(provider, model):
    price = GenaiPriceBook().cost_usd(channel(provider, model), Usage(10, 0, 0, 10), AT)
    assert price == Price(None, "unpriced")


def test_an_unknown_provider_is_found_by_its_address():
    there = channel("my-account", "gpt-4o-mini", url="https://api.openai.com/v1")
    assert GenaiPriceBook().cost_usd(there, Usage(1_000_000), AT).cost_usd == Decimal("0.15")


def test_an_override_of_zero_is_a_price_of_zero():
    free = UnitPrices(input=Decimal(0), output=Decimal(0))
    book = GenaiPriceBook({ChannelId("one"): free})
    assert book.cost_usd(channel("local", "llama"), Usage(10, 20, 30, 40), AT) == Price(Decimal(0), "config")
    assert book.cost_usd(channel("local", "llama", "two"), Usage(10), AT).cost_usd is None


def test_an_override_wins_and_misses_only_what_it_lacks():
    book = GenaiPriceBook({ChannelId("one"): UnitPrices(input=Decimal(1))})
    assert book.cost_usd(channel("openai", "gpt-4o-mini"), Usage(1_000_000), AT).cost_usd == 1
    assert book.cost_usd(channel("openai", "gpt-4o-mini"), Usage(1, 0, 0, 1), AT) == Price(None, "unpriced")


@pytest.mark.parametrize("bad", ["-0.01", "NaN", "Infinity"])
def test_a_price_below_zero_is_refused(bad):
    with pytest.raises(ValueError, match="the price of output"):
        UnitPrices(output=Decimal(bad))


def test_prices_follow_the_date_and_the_hour():
    book = GenaiPriceBook()
    there = channel("openai", "o3")
    early = datetime(2025, 5, 1, tzinfo=UTC).timestamp()
    assert (
        book.cost_usd(there, Usage(1_000_000), early).cost_usd
        != book.cost_usd(there, Usage(1_000_000), AT).cost_usd
    )
    night = channel("deepseek", "deepseek-chat", "two")
    day, dark = (datetime(2025, 6, 1, hour, tzinfo=UTC).timestamp() for hour in (12, 20))
    assert book.cost_usd(night, Usage(1_000_000), day) != book.cost_usd(night, Usage(1_000_000), dark)


def test_a_channel_that_changes_its_model_changes_its_price():
    book, one = GenaiPriceBook(), channel("openai", "gpt-4o-mini")
    book.cost_usd(one, Usage(1), AT)
    assert book.cost_usd(replace(one, model="gpt-4o"), Usage(1_000_000), AT).cost_usd == Decimal("2.5")


@functools.cache
def _sold_by_text_tokens() -> list[tuple[str, str]]:
    """(provider, model) of the bundled data that can be found by their own name."""
    found = []
    for provider in get_snapshot().providers:
        for model in provider.models:
            price = model.get_prices(datetime.fromtimestamp(AT, UTC))
            sold = price.input_mtok is not None and price.output_mtok is not None
            if sold and provider.find_model(model.id) is not None:
                found.append((provider.id, model.id))
    return found


@given(st.randoms(use_true_random=False), *[st.integers(0, 300_000)] * 4)
def test_the_library_agrees_on_every_model_sold_by_text_tokens(rng, fresh, cached, written, out):
    provider, model = rng.choice(_sold_by_text_tokens())
    theirs = TheirUsage(
        input_tokens=fresh + cached + written,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        output_tokens=out,
        output_reasoning_tokens=0,
    )
    ours = GenaiPriceBook().cost_usd(channel(provider, model), Usage(fresh, cached, written, out), AT)
    at = datetime.fromtimestamp(AT, UTC)
    expected = calc_price(theirs, model, provider_id=provider, genai_request_timestamp=at)
    assert ours.cost_usd == expected.total_price


_TOKENS = st.integers(0, 10**7)
_PRICES = st.decimals(0, 1000, places=4)


@given(
    st.builds(Usage, _TOKENS, _TOKENS, _TOKENS, _TOKENS),
    st.builds(UnitPrices, input=_PRICES, output=_PRICES, cached_input=_PRICES, cache_write=_PRICES),
)
def test_the_buckets_add_up(usage, prices):
    alone = [
        prices.cost_usd(Usage(input_tokens=usage.input_tokens)),
        prices.cost_usd(Usage(cached_input_tokens=usage.cached_input_tokens)),
        prices.cost_usd(Usage(cache_write_tokens=usage.cache_write_tokens)),
        prices.cost_usd(Usage(output_tokens=usage.output_tokens)),
    ]
    assert prices.cost_usd(usage) == sum(alone)


def test_the_price_data_is_loaded_only_when_a_list_price_is_asked_for():
    code = "import sys, foreroute.cost.pricebook as p; p.GenaiPriceBook(); assert 'genai_prices' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("provider", "model", "usage", "theirs"),
    [
        (
            "openai", "gpt-audio",
            Usage(1000, 0, 0, 500, 0, extras=extras_of({Extra.INPUT_AUDIO: 400, Extra.OUTPUT_AUDIO: 300})),
            {"input_tokens": 1000, "input_audio_tokens": 400, "output_tokens": 500, "output_audio_tokens": 300},
        ),
        (
            "google", "gemini-2.5-flash",
            Usage(900, 100, 0, 50, 0, extras=extras_of({Extra.INPUT_AUDIO: 300, Extra.CACHED_AUDIO: 80})),
            {"input_tokens": 1000, "cache_read_tokens": 100, "input_audio_tokens": 380,
             "cache_audio_read_tokens": 80, "output_tokens": 50},
        ),
        (
            "openai", "gpt-image-1.5",
            Usage(200, 0, 0, 4000, 0, extras=extras_of({Extra.INPUT_IMAGE: 150, Extra.OUTPUT_IMAGE: 4000})),
            {"input_tokens": 200, "input_image_tokens": 150, "output_tokens": 4000, "output_image_tokens": 4000},
        ),
        (
            "anthropic", "claude-sonnet-4-5",
            Usage(10, 0, 900, 5, 0, extras=extras_of({Extra.WRITTEN_1H: 700, Extra.WEB_SEARCHES: 2})),
            {"input_tokens": 910, "cache_write_tokens": 900, "cache_write_1h_tokens": 700, "output_tokens": 5,
             "web_searches": 2},
        ),
        (
            "openai", "whisper-1", Usage(extras=((Extra.AUDIO_MS, 90_000),)),
            {"audio_seconds": 90, "input_audio_seconds": 90},
        ),
    ],
)  # fmt: skip
def test_the_library_agrees_on_audio_images_and_searches(provider, model, usage, theirs):
    ours = GenaiPriceBook().cost_usd(channel(provider, model), usage, AT)
    at = datetime.fromtimestamp(AT, UTC)
    expected = calc_price(
        TheirUsage(**theirs), model, provider_id=provider, genai_request_timestamp=at
    ).total_price
    assert ours.cost_usd == expected
    assert expected > 0
    assert ours.used is not None
    assert ours.used.extras, "the row keeps the prices of its extras"


def test_pictures_without_tokens_need_a_price_of_the_operators_own():
    drawn, dalle = Usage(extras=((Extra.IMAGES, 3),)), channel("openai", "dall-e-3")
    assert GenaiPriceBook().cost_usd(dalle, drawn, AT).cost_usd is None
    own = GenaiPriceBook({ChannelId("one"): UnitPrices(extras={Extra.IMAGES: Decimal("0.04")})})
    assert own.cost_usd(dalle, drawn, AT).cost_usd == Decimal("0.12")
    assert own.cost_usd(dalle, Usage(5), AT).cost_usd is None, "tokens have no price here"


def test_a_service_tier_has_its_own_list_price():
    book, mini = GenaiPriceBook(), channel("openai", "gpt-4o-mini")
    usage = Usage(1_000_000, 0, 0, 1_000_000)
    assert book.cost_usd(mini, usage, AT).cost_usd == Decimal("0.75")
    assert book.cost_usd(mini, usage, AT, tier="default").cost_usd == Decimal("0.75")
    assert book.cost_usd(mini, usage, AT, tier="priority").cost_usd == Decimal("1.25")
    assert book.cost_usd(mini, usage, AT, tier="batch").cost_usd == Decimal("0.375")


def test_a_tier_that_nobody_lists_is_unpriced_not_standard():
    assert GenaiPriceBook().cost_usd(channel("openai", "gpt-4o-mini"), Usage(5), AT, tier="scale") == Price(
        None, "unpriced"
    )
    own = GenaiPriceBook({ChannelId("one"): UnitPrices(input=Decimal(1), output=Decimal(1))})
    assert own.cost_usd(channel("a", "b"), Usage(5), AT, tier="flex").cost_usd is None


def test_an_own_tier_is_relative_to_the_own_price():
    standard = UnitPrices(input=Decimal(4), output=Decimal(8), request=Decimal("0.001"))
    book = GenaiPriceBook({ChannelId("one"): OwnPrices(standard=standard, tiers={"flex": Decimal("0.5")})})
    price = book.cost_usd(channel("a", "b"), Usage(1_000_000, 0, 0, 1_000_000), AT, tier="flex")
    assert price.cost_usd == Decimal("6.0005")
    assert price.used is not None
    assert (price.used.input, price.used.tier) == (Decimal(2), "flex")


def test_a_place_by_the_hour_costs_the_time_that_it_is_taken():
    own = UnitPrices(input=Decimal(0), output=Decimal(0), place_hour=Decimal(9))
    book = GenaiPriceBook({ChannelId("one"): own})
    assert book.cost_usd(channel("a", "b"), Usage(5), AT, held_s=2.0).cost_usd == Decimal("0.005")


def test_the_prices_used_are_named_with_their_day_and_book():
    used = GenaiPriceBook().cost_usd(channel("openai", "gpt-4o-mini"), Usage(5), AT).used
    assert used is not None
    assert (used.input, used.cached_input, used.output) == (
        Decimal("0.15"),
        Decimal("0.075"),
        Decimal("0.6"),
    )
    assert used.cache_write == used.input  # it has no price of its own
    assert used.dated == "2026-11-02"
    assert used.book.startswith("genai-prices ")


def test_a_negative_ratio_is_no_price():
    with pytest.raises(ValueError, match="flex"):
        OwnPrices(standard=UnitPrices(), tiers={"flex": Decimal(-1)})

"""Settings survive being written to YAML and read again."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.errors import ConfigError
from foreroute.settings import Settings, parse_settings
from foreroute.settings.redact import shown
from foreroute.settings.units import Duration, seconds, write_seconds

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,20}", fullmatch=True)
durations = st.floats(min_value=1e-6, max_value=1e7, allow_nan=False).map(write_seconds)
ratios = st.floats(min_value=0, max_value=1, allow_nan=False)
dollars = st.decimals(min_value=0, max_value=10**6, places=6, allow_nan=False).map(str)
limits = st.decimals(min_value=Decimal("1e-6"), max_value=10**6, places=6, allow_nan=False).map(str)
prices = st.fixed_dictionaries(
    {"input_usd_per_mtok": dollars, "output_usd_per_mtok": dollars},
    optional={"cache_write_usd_per_mtok": dollars},
)
timeouts = st.fixed_dictionaries({}, optional={"connect": durations, "stall": durations, "total": durations})


texts = st.text(st.characters(exclude_categories=["C"], exclude_characters="$"), min_size=1)
urls = st.sampled_from(["http://127.0.0.1:9/v1", "https://api.example.com/v1/"])


def channel(name: str, regions: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    required: dict[str, st.SearchStrategy[Any]] = {
        "id": st.just(name),
        "provider": names,
        "region": st.sampled_from(regions),
        "model": texts,
        "base_url": urls,
    }
    optional: dict[str, st.SearchStrategy[Any]] = {"price": prices, "timeouts": timeouts, "quality": ratios}
    return st.fixed_dictionaries(required, optional=optional)


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    ids = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    regions = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    channels = [draw(channel(one, regions)) for one in ids]
    weights = draw(st.lists(st.floats(0.01, 100), min_size=len(ids), max_size=len(ids)))
    target = [{"channel": one, "weight": weight} for one, weight in zip(ids, weights, strict=True)]
    rest = st.fixed_dictionaries(
        {},
        optional={
            "autopilot": st.sampled_from(["observe", "suggest", "act"]),
            "breaker": st.fixed_dictionaries({"failure_ratio_max": ratios, "window": durations}),
            "budgets": st.just([{"limit_usd": draw(limits), "time_zone": "UTC"}]),
            "gateway": st.fixed_dictionaries(
                {"port": st.integers(0, 65535), "region": st.sampled_from(regions)}
            ),
            "regions": st.just([{"name": name} for name in regions]),
        },
    )
    given_regions = draw(rest)
    if "regions" not in given_regions:
        given_regions.pop("gateway", None)
    return {"channels": channels, "routes": [{"model": "chat", "targets": target}], **given_regions}


def parse(data: dict[str, Any]) -> Settings:
    return parse_settings(yaml.safe_dump(data, allow_unicode=True).encode(), name="f.yaml", environment={})


@given(files())
def test_settings_survive_yaml(data: dict[str, Any]) -> None:
    settings = parse(data)
    assert parse(shown(settings)) == settings


@given(st.floats(min_value=1e-9, max_value=1e12, allow_nan=False))
def test_a_written_duration_reads_back_exactly(value: Duration) -> None:
    assert seconds(write_seconds(value)) == value


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_at_all_lead_to_anything_but_a_config_error(raw: bytes) -> None:
    with suppress(ConfigError):
        parse_settings(raw, name="f.yaml", environment={})


@given(st.decimals(min_value=Decimal("1e-9"), max_value=10**9, places=9, allow_nan=False))
def test_money_loses_no_digit(amount: Decimal) -> None:
    data = {
        "channels": [
            {"id": "a", "provider": "p", "region": "r", "model": "m", "base_url": "http://127.0.0.1/v1"},
        ],
        "routes": [{"model": "chat", "targets": [{"channel": "a"}]}],
        "budgets": [{"limit_usd": str(amount)}],
    }
    assert parse(data).budgets[0].limit_usd == amount

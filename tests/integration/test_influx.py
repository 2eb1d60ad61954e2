"""Minutes in a real InfluxDB that is killed, stopped, locked, filled with other things; and a mirror in VictoriaMetrics."""

import asyncio
import urllib.request
from pathlib import Path

import pytest
from tests.influx_house import Server, Victoria, opened, options

from foreroute.app.control_plane import open_store
from foreroute.core.errors import StoreUnavailable
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.monitor.fold import merge_rollups
from foreroute.settings import parse_settings
from foreroute.store.influx import InfluxStore
from foreroute.store.influx_http import Trouble
from foreroute.testing.check_store import a_rollup

CHANNELS = tuple(ChannelId(f"c{number}") for number in range(20))
AT = 1_772_442_000.0
MINUTE_S = 60.0


def minute(number: int) -> list[Rollup]:
    """One minute of every channel."""
    return [a_rollup(name, AT + MINUTE_S * number, attempts=number + 1) for name in CHANNELS]


async def minutes_of(store: InfluxStore, count: int) -> list[Rollup]:
    found: list[Rollup] = await store.rollups.read(start_at=AT, end_at=AT + MINUTE_S * count)
    return found


def expected(count: int) -> list[Rollup]:
    return sorted(
        (one for number in range(count) for one in minute(number)),
        key=lambda one: (one.window_start, one.channel),
    )


async def until_all_is_there(store: InfluxStore) -> None:
    async with asyncio.timeout(30.0):
        while not await store.flush():  # noqa: ASYNC110 - the shipper tells nobody when it has tried again
            await asyncio.sleep(0.02)


@pytest.mark.service("influxdb")
async def test_ten_minutes_without_the_server_lose_and_double_nothing(
    tmp_path: Path, influxdb: Server
) -> None:
    store = await opened(tmp_path / "store.db", influxdb.url, influxdb.fresh("stopped"))
    try:
        for number in range(5):
            await store.append([], minute(number))
        await until_all_is_there(store)
        influxdb.stop()
        try:
            for number in range(5, 15):
                await store.append([], minute(number))
            assert not await store.flush()
            assert store.shipping.trouble is Trouble.AWAY
            assert store.shipping.waiting.rollups == 10 * len(CHANNELS)
            waiting = [rollup for _, rollup in await store._outbox.first(1000)]
            assert [one.window_start for one in waiting] == sorted(one.window_start for one in waiting)
            with pytest.raises(StoreUnavailable, match="cannot be reached"):
                await minutes_of(store, 15)
        finally:
            influxdb.start()
        await store.append([], minute(15))
        await until_all_is_there(store)
        assert await minutes_of(store, 16) == expected(16)
        points = influxdb.query('SELECT count("attempts") FROM "foreroute_minutes"', "stopped")
        assert points[0]["values"][0][1] == 16 * len(CHANNELS), "each is there once"
    finally:
        await store.close()


@pytest.mark.slow
@pytest.mark.service("influxdb")
async def test_a_server_that_is_killed_again_and_again_has_everything_in_the_end(
    tmp_path: Path, influxdb: Server
) -> None:
    store = await opened(tmp_path / "store.db", influxdb.url, influxdb.fresh("killed"))
    try:
        for number in range(12):
            await store.append([], minute(number))
            if number % 2:
                influxdb.kill()
                await store.append(
                    [], minute(number)
                )  # the same again: an append that was not sure of itself
                influxdb.start()
        await until_all_is_there(store)
        assert await minutes_of(store, 12) == expected(12)
    finally:
        await store.close()


@pytest.mark.service("influxdb")
async def test_what_waits_outlives_the_process(tmp_path: Path, influxdb: Server) -> None:
    database = influxdb.fresh("outlived")
    influxdb.stop()
    try:
        store = await opened(tmp_path / "store.db", influxdb.url, database)
        await store.append([], minute(0))
        await store.close()
    finally:
        influxdb.start()
    store = await opened(tmp_path / "store.db", influxdb.url, database)
    try:
        await until_all_is_there(store)
        assert await minutes_of(store, 1) == expected(1)
        assert store.shipping.waiting.rollups == 0
    finally:
        await store.close()


@pytest.mark.service("influxdb")
async def test_a_full_line_drops_the_oldest_and_says_so(tmp_path: Path, influxdb: Server) -> None:
    database = influxdb.fresh("full")
    influxdb.stop()
    try:
        store = await opened(tmp_path / "store.db", influxdb.url, database, spill_max_bytes=20_000)
        try:
            for number in range(10):
                await store.append([], minute(number))
            waiting = store.shipping.waiting
            assert waiting.dropped > 0
            assert waiting.bytes <= 20_000
            kept = [rollup for _, rollup in await store._outbox.first(1000)]
            assert kept[-1].window_start == AT + MINUTE_S * 9, "the newest are kept"
        finally:
            await store.close()
    finally:
        influxdb.start()


@pytest.mark.service("influxdb")
async def test_each_refusal_says_what_would_be_right(tmp_path: Path, influxdb: Server) -> None:
    store = await opened(tmp_path / "missing.db", influxdb.url, "nowhere")
    try:
        await store.append([], minute(0))
        assert not await store.flush()
        assert store.shipping.trouble is Trouble.MISSING
        assert 'CREATE DATABASE "nowhere"' in store.shipping.error
    finally:
        await store.close()
    database = influxdb.fresh("conflict")
    urllib.request.urlopen(  # noqa: ASYNC210 - another program, before ours
        f"{influxdb.url}/write?db={database}",
        data=f'foreroute_minutes,channel=x attempts="many" {AT:.0f}000000000'.encode(),
        timeout=5,
    ).close()
    store = await opened(tmp_path / "conflict.db", influxdb.url, database)
    try:
        await store.append([], minute(0))
        assert not await store.flush()
        assert store.shipping.trouble is Trouble.CONFLICT
        assert "choose another store.influxdb.measurement" in store.shipping.error
        assert store.shipping.waiting.rollups == len(CHANNELS), "they wait"
    finally:
        await store.close()


@pytest.mark.service("influxdb")
async def test_a_server_whose_deletes_are_not_trusted_keeps_its_minutes(
    tmp_path: Path, influxdb: Server
) -> None:
    store = await opened(tmp_path / "store.db", influxdb.url, influxdb.fresh("kept"), deletes=None)
    try:
        await store.append([], minute(0))
        assert await store.flush()
        assert await store.rollups.prune(AT + 1e6) == 0
        assert await minutes_of(store, 1) == expected(1)
    finally:
        await store.close()


@pytest.mark.service("victoria-metrics")
async def test_a_mirror_in_victoria_metrics_shows_every_minute(tmp_path: Path, victoria: Victoria) -> None:
    store = await InfluxStore.mirror(tmp_path / "store.db", merge_rollups, options(victoria.url, "mirror"))
    try:
        for number in range(3):
            await store.append([], minute(number))
        await until_all_is_there(store)
        assert await minutes_of(store, 3) == expected(3), "it is read from the file"
    finally:
        await store.close()
    series = victoria.export("foreroute_minutes_attempts")
    mine = next(one for one in series if one["metric"]["channel"] == "c7")
    assert mine["values"] == [1, 2, 3]
    assert mine["timestamps"] == [int(1000 * (AT + MINUTE_S * number)) for number in range(3)]


@pytest.mark.service("influxdb")
async def test_the_configuration_opens_it(tmp_path: Path, influxdb: Server) -> None:
    text = f"""
store:
  kind: influxdb
  path: {tmp_path / "store.db"}
  influxdb: {{url: "{influxdb.url}", database: {influxdb.fresh("configured")}}}
channels:
  - {{id: c0, provider: openai, region: us-east, model: gpt-4o-mini, base_url: "https://api.example.com/v1"}}
routes:
  - {{model: chat, targets: [{{channel: c0}}]}}
"""
    store = await open_store(parse_settings(text.encode(), name="influx", environment={}))
    assert isinstance(store, InfluxStore)
    try:
        await store.append([], minute(0))
        await until_all_is_there(store)
        assert await minutes_of(store, 1) == expected(1)
    finally:
        await store.close()

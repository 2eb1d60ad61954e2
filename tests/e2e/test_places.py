"""Users are where their addresses are, and a new database counts without a restart. No address is kept."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import httpx2
from tests.e2e.conftest import END_S, HELLO, Place
from tests.unit.regions.conftest import NESTED, write

LONDON = "81.2.69.142"


def configure(place: Place, database: Path) -> None:
    channel = {"provider": "openai", "model": "m", "base_url": place.base_url}
    place.configure(
        gateway={"port": 0, "region": "us-east-1"},
        geo={"database": str(database), "trusted_proxies": ["127.0.0.1"]},
        collect={"by": ["client_region"]},
        loop={"tick": "1s", "fit_workers": 0},
        channels=[
            {**channel, "id": name, "region": name} for name in ("us-east-1", "eu-west-1", "ap-northeast-2")
        ],
        routes=[{"model": "chat", "targets": [{"channel": "us-east-1"}]}],
    )


def counts(place: Place) -> Counter[str]:
    """Attempts by the region of who asked."""
    query = "SELECT segment, sum(attempts) FROM rollups WHERE segment LIKE 'client_region=%' GROUP BY segment"
    with closing(sqlite3.connect(f"file:{place.store}?mode=ro", uri=True)) as db:
        return Counter({name.partition("=")[2]: count for name, count in db.execute(query)})


async def region_of(place: Place, url: str, address: str) -> str:
    """Of a request that a proxy hands on, as the minutes say once it is in them."""
    before = counts(place)
    headers = {"x-forwarded-for": f"1.1.1.1, {address}"}
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{url}/chat/completions", json={"model": "chat", "messages": HELLO}, headers=headers
        )
    assert answer.status_code == 200
    while not (news := counts(place) - before):  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.05)
    assert news.total() == 1
    return next(iter(news))


async def test_a_user_is_where_the_address_is_and_a_new_database_counts(place: Place, tmp_path: Path) -> None:
    database = write(tmp_path / "country.mmdb", NESTED, "GeoLite2-Country")
    configure(place, database)
    async with place.serve() as server, asyncio.timeout(END_S):
        await server.until_ready()
        assert await region_of(place, server.url, LONDON) == "eu-west-1"
        assert await region_of(place, server.url, "203.119.1.1") == "ap-northeast-2"
        assert await region_of(place, server.url, "192.0.2.1") == "us-east-1", "the gateway's own"

        moved = write(
            tmp_path / "fresh", {"81.2.69.0/24": {"country": {"iso_code": "JP"}}}, "GeoLite2-Country"
        )
        moved.replace(database)
        while await region_of(place, server.url, LONDON) != "ap-northeast-2":
            pass
        database.write_bytes(b"no database")
        await server.until_it_says("config_refused")
        assert await region_of(place, server.url, "81.2.69.7") in {"ap-northeast-2", "us-east-1"}
    for file in place.store.parent.rglob("*"):
        if file.is_file() and file.suffix != ".mmdb":
            assert LONDON.encode() not in file.read_bytes(), f"no address is kept, and {file.name} keeps one"
    assert LONDON not in server.said

"""`foreroute doctor` on real files, ports and providers of loopback."""

import asyncio
import json
import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from foreroute.app.checkup import place
from foreroute.app.checkup.finding import Verdict
from foreroute.app.checkup.place import check_clock
from foreroute.app.checkup.stock import check_prices
from foreroute.cli.program import app
from foreroute.clock import SystemClock
from foreroute.monitor.fold import merge_rollups
from foreroute.serving import serve_asgi
from foreroute.settings import load_settings
from foreroute.store.sqlite import SqliteStore
from foreroute.store.sqlite_look import Looked, look
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer

CONFIG = """
gateway: {{port: {port}}}
dashboard: {{enabled: false}}
store: {{path: "{folder}/foreroute.db"}}
channels:
  - {{id: a, provider: openai, region: r, model: gpt-4o-mini, base_url: "{url}", price: {price}}}
routes: [{{model: m, objective: {{metric: first_chunk_p95, limit: 1s}}, targets: [{{channel: a}}]}}]
"""
PRICE = "{input_usd_per_mtok: 1, output_usd_per_mtok: 2}"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"FOREROUTE_LANG": "en"})


def config(folder: Path, *, url: str = "http://127.0.0.1:9/v1", port: int = 0) -> str:
    path = folder / "foreroute.yaml"
    path.write_text(CONFIG.format(folder=folder, url=url, port=port, price=PRICE), encoding="utf-8")
    return str(path)


def checks(file: str, *more: str) -> dict[str, tuple[str, str]]:
    answer = json.loads(run("doctor", file, "--json", *more).stdout)
    return {one["check"]: (one["verdict"], one["code"]) for one in answer["checks"]}


@contextmanager
def provider(answer: ProviderAnswer) -> Iterator[str]:
    """A provider on a thread of its own: the command has an event loop of its own."""
    loop, url, ready = asyncio.new_event_loop(), "", threading.Event()
    end = asyncio.Event()

    async def live() -> None:
        nonlocal url
        async with await serve_asgi(FakeProvider(Always(answer))) as server:
            url = f"{server.url}/v1"
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
    thread.start()
    ready.wait(10.0)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


def test_all_is_well_with_a_fresh_place(tmp_path: Path) -> None:
    file = config(tmp_path)
    done = run("doctor", file)
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    assert "0 failed" in done.stdout
    assert checks(file)["database"] == ("pass", "database.new")
    assert checks(file)["channel"] == ("pass", "channel.not_asked")
    assert not (tmp_path / "foreroute.db").exists(), "it changes nothing"


def test_a_configuration_that_cannot_be_used_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("channels: 5")
    assert run("doctor", str(tmp_path / "f.yaml")).exit_code == 3


def test_a_port_that_somebody_else_holds_fails_with_the_fix(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file = config(tmp_path, port=taken.getsockname()[1])
        done = run("doctor", file)
    assert done.exit_code == 4
    assert "set gateway.port to another one" in done.stdout


def test_a_port_that_answers_as_ours_is_no_trouble(tmp_path: Path, server: Any) -> None:
    server.answer("GET /health/liveness", {})
    file = config(tmp_path, port=int(server.url.rpartition(":")[2]))
    assert checks(file)["port"] == ("pass", "port.ours")


def test_a_store_is_looked_at(tmp_path: Path) -> None:
    file, path = config(tmp_path), tmp_path / "foreroute.db"

    async def make() -> None:
        await (await SqliteStore.open(path, merge_rollups)).close()

    asyncio.run(make())
    before = path.read_bytes()
    assert checks(file)["database"] == ("pass", "database.there")
    assert path.read_bytes() == before
    path.write_text("Shopping list. " * 100)
    assert checks(file)["database"] == ("fail", "database.broken")
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE cats (name)")
    assert "another program" in run("doctor", file).stdout


def test_a_disk_that_is_nearly_full_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "foreroute.db").touch()
    monkeypatch.setattr(place, "_FREE_BYTES_MIN", 10**18)
    assert checks(config(tmp_path))["database"] == ("warn", "database.little_room")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    file = config(tmp_path)
    Path(file).write_text(Path(file).read_text().replace("/foreroute.db", "/none/foreroute.db"))
    done = run("doctor", file)
    assert f"mkdir -p {tmp_path}/none" in done.stdout
    assert done.exit_code == 4


def test_the_clock_is_behind_what_is_stored() -> None:
    now = SystemClock().now()
    assert check_clock(now, None).verdict is Verdict.PASS
    assert check_clock(now, Looked(1, now + 3600)).code == "clock.behind_store"
    assert check_clock(0.0, None).code == "clock.before_install"


def test_prices_grow_old(tmp_path: Path) -> None:
    settings = load_settings(Path(config(tmp_path)), {})
    assert check_prices(settings, 2.5e9).verdict is Verdict.WARN
    assert check_prices(settings, 1.794e9).verdict is Verdict.PASS


def test_live_asks_each_channel_and_says_what_it_cost(tmp_path: Path) -> None:
    with provider(ProviderAnswer(chunks=("hi",))) as url:
        file = config(tmp_path, url=url)
        done = run("doctor", file, "--live")
        assert done.exit_code == 0, done.output
        assert "asking 1 channels for one token each: about $0.000014" in done.stderr
        answer = json.loads(run("doctor", file, "--live", "--json").stdout)
    (asked,) = [one for one in answer["checks"] if one["check"] == "channel"]
    assert (asked["of"], asked["code"]) == ("a", "channel.answers")
    assert Decimal(answer["cost_usd"]) > 0


@pytest.mark.parametrize(
    ("status", "code"), [(401, "key"), (404, "address"), (429, "limit"), (500, "refuses")]
)
def test_live_says_what_a_refusal_means(tmp_path: Path, status: int, code: str) -> None:
    with provider(ProviderAnswer(status=status, error_message="no\x1b[31m sk-secret123456")) as url:
        done = run("doctor", config(tmp_path, url=url), "--live")
    assert done.exit_code == 4
    assert f"answers {status}: no [31m ***" in done.stdout
    assert "secret" not in done.stdout
    with provider(ProviderAnswer(status=status)) as url:
        assert checks(config(tmp_path, url=url), "--live")["channel"] == ("fail", f"channel.{code}")


def test_live_says_that_nobody_is_there(tmp_path: Path) -> None:
    assert checks(config(tmp_path), "--live")["channel"] == ("fail", "channel.unreachable")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = config(tmp_path)
    tmp_path.chmod(0o500)
    assert checks(file)["database"] == ("fail", "database.not_writable")
    tmp_path.chmod(0o700)


def test_a_look_changes_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    assert look(tmp_path / "empty.db") == Looked(0, None)

"""`foreroute geo`: real databases, and a stand-in for who makes them on loopback."""

import hashlib
import io
import json
import tarfile
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.unit.regions.conftest import NESTED, write
from typer.testing import CliRunner, Result

from foreroute.cli.program import app
from foreroute.regions.mmdb import DBIP, attribution_file

CONFIG = """
geo: {{database: "{folder}/country.mmdb"}}
channels:
  - {{id: a, provider: openai, region: eu-west-1, model: m, base_url: "http://127.0.0.1:1/v1"}}
  - {{id: b, provider: openai, region: ap-northeast-2, model: m, base_url: "http://127.0.0.1:1/v1"}}
routes: [{{model: m, targets: [{{channel: a}}, {{channel: b}}]}}]
"""
KEY = {"MAXMIND_ACCOUNT_ID": "42", "MAXMIND_LICENSE_KEY": "secret"}


def archive(*files: Path) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for file in files:
            tar.add(file, arcname=f"GeoLite2-Country_20260101/{file.name}")
    return made.getvalue()


class Maker:
    """What it answers with, and what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.body = b""
        self.checksum: str | None = None
        self.status = 200
        self.tokens: list[str | None] = []


@pytest.fixture
def maker() -> Iterator[Maker]:
    found = Maker()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            pass

        def do_GET(self) -> None:
            found.tokens.append(self.headers.get("authorization"))
            checksum = found.checksum or hashlib.sha256(found.body).hexdigest()
            body = f"{checksum}  x.tar.gz".encode() if self.path.endswith(".sha256") else found.body
            self.send_response(found.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        found.url = f"http://127.0.0.1:{http.server_address[1]}/download"
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield found
        http.shutdown()
        thread.join()


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "foreroute.yaml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return str(path)


def run(*arguments: str, **environment: str) -> Result:
    unset: dict[str, str | None] = dict.fromkeys(KEY)
    return CliRunner().invoke(app, ["geo", *arguments], env=unset | environment)


def test_where_an_address_is_and_who_would_serve_it(tmp_path: Path, config: str) -> None:
    write(tmp_path / "country.mmdb", NESTED, "GeoLite2-Country")
    out = run("lookup", "203.119.1.1", "--config", config).stdout
    assert out.startswith("203.119.1.1: KR, served by ap-northeast-2\n")
    assert "MaxMind" in out
    found = json.loads(run("lookup", "10.0.0.1", "--config", config, "--json").stdout)
    assert (found["country"], found["region"], found["database"]) == (None, None, "GeoLite2-Country")
    wrong = run("lookup", "there", "--config", config)
    assert wrong.exit_code == 1
    assert "'there' is no address" in wrong.stderr


def test_without_a_database_it_says_how_to_get_one(config: str) -> None:
    assert "foreroute geo update" in run("lookup", "8.8.8.8", "--config", config).stderr


def test_what_was_fetched_is_checked_and_put_in_place(tmp_path: Path, config: str, maker: Maker) -> None:
    fresh = write(tmp_path / "GeoLite2-Country.mmdb", NESTED, "GeoLite2-Country")
    maker.body = archive(fresh)
    path = tmp_path / "country.mmdb"
    path.write_bytes(b"old")
    attribution_file(path).write_text(DBIP)
    done = run("update", "--config", config, "--source", maker.url, "--json", **KEY)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["database"] == "GeoLite2-Country"
    assert path.read_bytes() == fresh.read_bytes()
    assert not attribution_file(path).exists(), "what the one before asked for"
    assert set(maker.tokens) == {f"Basic {b64encode(b'42:secret').decode()}"}
    assert "secret" not in done.output


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"checksum": "0" * 64}, "checksum"),
        ({"body": b"<html>"}, "no archive"),
        ({"status": 401}, "check MAXMIND_ACCOUNT_ID"),
        ({"status": 500}, "answers 500"),
    ],
)
def test_what_cannot_be_trusted_changes_nothing(
    change: dict[str, object], said: str, tmp_path: Path, config: str, maker: Maker
) -> None:
    maker.body = archive(write(tmp_path / "GeoLite2-Country.mmdb", NESTED, "GeoLite2-Country"))
    for name, value in change.items():
        setattr(maker, name, value)
    (tmp_path / "country.mmdb").write_bytes(b"old")
    done = run("update", "--config", config, "--source", maker.url, **KEY)
    assert done.exit_code == 1
    assert said in done.stderr
    assert (tmp_path / "country.mmdb").read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_a_database_that_knows_nobody_is_not_put_in_place(tmp_path: Path, config: str, maker: Maker) -> None:
    few = {"81.2.69.0/24": NESTED["81.2.69.0/24"]}
    maker.body = archive(write(tmp_path / "few.mmdb", few, "GeoLite2-Country"))
    done = run("update", "--config", config, "--source", maker.url, **KEY)
    assert "knows none of 8.8.8.8" in done.stderr
    maker.body = archive(*(write(tmp_path / name, NESTED, "x") for name in ("a.mmdb", "b.mmdb")))
    assert "holds 2 .mmdb files" in run("update", "--config", config, "--source", maker.url, **KEY).stderr
    assert not (tmp_path / "country.mmdb").exists()


def test_a_key_does_not_travel_in_the_open_nor_is_guessed(config: str) -> None:
    done = run("update", "--config", config, "--source", "http://example.com/x", **KEY)
    assert "not https" in done.stderr
    assert "not both set" in run("update", "--config", config).stderr
    assert "is no folder" in run("update", "--to", "/nowhere/at/all/x.mmdb", **KEY).stderr

"""TLS and mTLS of both listeners, and certificates that are replaced while it serves."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from tests.security.conftest import document
from tests.security.test_canary import serving

from foreroute.app.tls import check_listeners, listener_tls, renew
from foreroute.cli.api import AdminApi
from foreroute.cli.say import CommandError
from foreroute.core.errors import ConfigError
from foreroute.serving import serve_asgi
from foreroute.settings import load_settings
from foreroute.settings.model import TlsSettings
from foreroute.testing.fake_provider import Always, FakeProvider

Made = tuple[trustme.CA, TlsSettings]


def write(ca: trustme.CA, folder: Path, name: str = "server") -> TlsSettings:
    made = ca.issue_cert("localhost", "127.0.0.1")
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    return TlsSettings(certificate=certificate, key=key)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    ca = trustme.CA()
    return ca, write(ca, tmp_path)


def trusting(ca: trustme.CA, client: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if client is not None:
        client.configure_cert(context)
    return context


async def said(port: int, context: ssl.SSLContext) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    try:
        return await asyncio.wait_for(reader.read(), 10.0)
    finally:
        writer.close()


async def test_a_listener_with_tls_speaks_nothing_else(made: Made) -> None:
    ca, section = made
    tls = listener_tls(section, "gateway.tls")
    async with await serve_asgi(FakeProvider(Always()), tls=tls) as server:
        assert server.url.startswith("https://")
        assert (await said(server.port, trusting(ca))).startswith(b"HTTP/1.1 200")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"200" not in await reader.read()
        writer.close()


async def test_old_versions_of_tls_are_refused(made: Made) -> None:
    ca, section = made
    async with await serve_asgi(FakeProvider(Always()), tls=listener_tls(section, "gateway.tls")) as server:
        old = trusting(ca)
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await said(server.port, old)


async def test_mutual_tls_lets_in_only_whom_its_authority_signed(made: Made, tmp_path: Path) -> None:
    ca, section = made
    clients, strangers = trustme.CA(), trustme.CA()
    (tmp_path / "clients.pem").write_bytes(clients.cert_pem.bytes())
    mutual = section.model_copy(update={"client_ca": tmp_path / "clients.pem"})
    provider = FakeProvider(Always())
    async with await serve_asgi(provider, tls=listener_tls(mutual, "gateway.tls")) as server:
        known = clients.issue_cert("app")
        assert (await said(server.port, trusting(ca, known))).startswith(b"HTTP/1.1 200")
        for stranger in (None, strangers.issue_cert("app")):
            got = b""
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                got = await said(server.port, trusting(ca, stranger))
            assert got == b""


async def test_a_replaced_certificate_is_shown_without_a_restart(made: Made, tmp_path: Path) -> None:
    ca, section = made
    tls = listener_tls(section, "gateway.tls")
    assert tls is not None
    async with await serve_asgi(FakeProvider(Always()), tls=tls) as server:
        other = trustme.CA()
        write(other, tmp_path)
        renew(tls, section, "gateway.tls")
        assert (await said(server.port, trusting(other))).startswith(b"HTTP/1.1 200")
        with pytest.raises(ssl.SSLCertVerificationError):
            await said(server.port, trusting(ca))
        section.key.write_text("broken")
        with pytest.raises(ConfigError):
            renew(tls, section, "gateway.tls")
        assert (await said(server.port, trusting(other))).startswith(b"HTTP/1.1 200")


def wrong_key(section: TlsSettings) -> None:
    section.key.write_bytes(trustme.CA().issue_cert("x").private_key_pem.bytes())


def no_file(section: TlsSettings) -> None:
    section.certificate.unlink()


def no_certificate(section: TlsSettings) -> None:
    section.certificate.write_text("hello")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(wrong_key, "is not the key of"), (no_file, "cannot be read"), (no_certificate, "cannot be used")],
)
def test_files_that_cannot_be_used_are_named(
    made: Made, tmp_path: Path, spoil: Callable[[TlsSettings], None], message: str
) -> None:
    _, section = made
    spoil(section)
    config = tmp_path / "foreroute.yaml"
    tls = {"certificate": "server.pem", "key": "server.key"}
    config.write_bytes(document("http://127.0.0.1:9/v1", tmp_path / "x.db", {"gateway": {"tls": tls}}))
    settings = load_settings(config, {})
    assert settings.gateway.tls is not None
    assert settings.gateway.tls.certificate == section.certificate
    with pytest.raises(ConfigError, match=message) as refused:
        check_listeners(settings)
    assert "gateway.tls" in str(refused.value)


def test_an_authority_that_is_none_is_named(made: Made, tmp_path: Path) -> None:
    _, section = made
    (tmp_path / "ca.pem").write_text("hello")
    with pytest.raises(ConfigError, match=r"gateway\.tls\.client_ca"):
        listener_tls(section.model_copy(update={"client_ca": tmp_path / "ca.pem"}), "gateway.tls")


def test_the_command_line_trusts_nobody_by_default(made: Made) -> None:
    _, section = made
    tls = listener_tls(section, "dashboard.tls")
    assert tls is not None

    async def main() -> None:
        async with await serve_asgi(FakeProvider(Always()), tls=tls) as server:
            with pytest.raises(CommandError, match="certificate verify failed"):
                await asyncio.to_thread(AdminApi(server.url).get, "status")

    asyncio.run(main())


def test_a_client_certificate_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOREROUTE_CLIENT_CERT", str(tmp_path / "none.pem"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(CommandError, match="cannot be used"):
            AdminApi(f"https://127.0.0.1:{free.getsockname()[1]}").get("status")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_running_server_speaks_mutual_tls_on_both_planes(
    made: Made, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, _ = made
    (tmp_path / "ca.pem").write_bytes(ca.cert_pem.bytes())
    client = ca.issue_cert("client")
    (tmp_path / "client.pem").write_bytes(client.private_key_and_cert_chain_pem.bytes())
    tls = {"certificate": "server.pem", "key": "server.key", "client_ca": "ca.pem"}
    config = tmp_path / "foreroute.yaml"
    sections = {
        "gateway": {"tls": tls, "workers": workers},
        "dashboard": {"port": 0, "tls": tls},
        "loop": {"fit_workers": 0},
    }
    config.write_bytes(document("http://127.0.0.1:9/v1", tmp_path / "house.db", sections))
    async with serving(config) as running:
        assert running.gateway.startswith("https://")
        port = int(running.gateway.rpartition(":")[2])
        assert (await said(port, trusting(ca, client))).startswith(b"HTTP/1.1 200")
        assert await stranger_hears(port, ca) == b""
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with pytest.raises(CommandError):
            await asyncio.to_thread(AdminApi(running.dashboard).get, "keys")
        monkeypatch.setenv("FOREROUTE_CLIENT_CERT", str(tmp_path / "client.pem"))
        assert "keys" in await asyncio.to_thread(AdminApi(running.dashboard).get, "keys")
        other = trustme.CA()  # a new certificate, in place of the old one
        write(other, tmp_path)
        for _ in range(300):
            if await shows(port, other, client):
                break
            await asyncio.sleep(0.1)
        assert await shows(port, other, client)
        await running.end()


async def shows(port: int, ca: trustme.CA, client: trustme.LeafCert) -> bool:
    try:
        return (await said(port, trusting(ca, client))).startswith(b"HTTP/1.1 200")
    except (ssl.SSLError, ConnectionError):
        return False


async def stranger_hears(port: int, ca: trustme.CA) -> bytes:
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        return await said(port, trusting(ca))
    return b""

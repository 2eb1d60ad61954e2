"""Who may come in, cloud by cloud. Written from the clouds' documents, without the kits that sign and fetch."""

import base64
import hashlib
import hmac
import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import parse_qs

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from foreroute.serving import App
from foreroute.testing.fake_provider import FakeProvider

Headers = Mapping[str, str]
LIFE_S = 3600


class Guard(Protocol):
    accounts: str
    """What `cloud_providers.yaml` holds; empty: none, the channel has a key."""
    seen: list[dict[str, str]]

    def admits(self, method: str, path: str, headers: Headers, body: bytes) -> bool: ...


@dataclass
class KeyGuard:
    header: str
    value: str
    accounts: str
    seen: list[dict[str, str]] = field(default_factory=list)

    def admits(self, method: str, path: str, headers: Headers, body: bytes) -> bool:
        return headers.get(self.header) == self.value


@dataclass
class AwsGuard:
    """Signature Version 4, as AWS's general reference describes the steps."""

    accounts: str = """
aws:
  - name: there
    access_key_id: '${ACCESS:-AKIAEXAMPLE}'
    secret_access_key: '${SECRET}'
    regions: {there: us-east-1}
"""
    secret: str = "the-secret-of-the-account"
    region: str = "us-east-1"
    seen: list[dict[str, str]] = field(default_factory=list)

    def admits(self, method: str, path: str, headers: Headers, body: bytes) -> bool:
        given = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/(\w+)/aws4_request, SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})",
            headers.get("authorization", ""),
        )
        if given is None or "host" not in given[5].split(";"):
            return False
        day, service = given[2], given[4]
        if (given[3], service) != (self.region, "bedrock") or not headers["x-amz-date"].startswith(day):
            return False
        lines = [f"{name}:{headers[name].strip()}" for name in given[5].split(";")]
        digest = hashlib.sha256(body).hexdigest()
        canonical = "\n".join([method, path, "", *lines, "", given[5], digest])
        scope = f"{day}/{self.region}/{service}/aws4_request"
        text = "\n".join(
            ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
        )
        key = f"AWS4{self.secret}".encode()
        for part in (day, self.region, service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), given[6])


@dataclass
class TokenDesk:
    """Gives out tokens, one after the other, as long as it is open."""

    given: list[str] = field(default_factory=list)
    is_open: bool = True
    good: set[str] = field(default_factory=set)

    def token(self) -> str:
        self.given.append(f"token-{len(self.given) + 1}")
        self.good = {self.given[-1]}
        return self.given[-1]

    def admits(self, headers: Headers) -> bool:
        return headers.get("authorization", "").removeprefix("Bearer ") in self.good


class TokenGuard(Guard, Protocol):
    """A cloud whose tokens run out."""

    desk: TokenDesk


@dataclass
class GcpGuard:
    """A service account's signed claim against a token, as Google's OAuth documents have it (RFC 7523)."""

    accounts: str
    desk: TokenDesk
    seen: list[dict[str, str]] = field(default_factory=list)

    def admits(self, method: str, path: str, headers: Headers, body: bytes) -> bool:
        return self.desk.admits(headers)

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[Self]:
        desk, key = TokenDesk(), rsa.generate_private_key(public_exponent=65537, key_size=2048)

        def answer(path: str, form: Mapping[str, list[str]]) -> tuple[int, dict[str, Any]]:
            head, claims, signature = form["assertion"][0].split(".")
            key.public_key().verify(
                _decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), SHA256()
            )
            assert json.loads(_decoded(claims))["scope"] == "https://www.googleapis.com/auth/cloud-platform"
            return 200, {"access_token": desk.token(), "expires_in": LIFE_S, "token_type": "Bearer"}

        with _serving(desk, answer) as url:
            pem = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            (folder / "account.json").write_text(
                json.dumps(
                    {
                        "type": "service_account",
                        "project_id": "contoso",
                        "private_key_id": "1",
                        "private_key": pem.decode(),
                        "client_email": "gateway@contoso.iam.gserviceaccount.com",
                        "client_id": "1",
                        "token_uri": f"{url}/token",
                    }
                )
            )
            yield cls("gcp: [{name: there, project: contoso, credentials_file: account.json}]", desk)


@dataclass
class AzureGuard:
    """An application's secret against a token of Entra ID, over TLS."""

    accounts: str
    desk: TokenDesk
    certificates: Path
    authority: str
    seen: list[dict[str, str]] = field(default_factory=list)

    def admits(self, method: str, path: str, headers: Headers, body: bytes) -> bool:
        return self.desk.admits(headers)

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[Self]:
        desk, authority = TokenDesk(), trustme.CA()
        certificates = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(certificates))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(tls)
        places: list[str] = []

        def answer(path: str, form: Mapping[str, list[str]]) -> tuple[int, dict[str, Any]]:
            if path.endswith("/openid-configuration"):
                here = f"{places[0]}/the-tenant"
                return 200, {
                    "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{here}/oauth2/v2.0/token",
                    "issuer": f"{here}/v2.0",
                }
            assert form["client_secret"] == ["the-secret-of-the-account"]
            assert form["scope"][0].startswith("https://cognitiveservices.azure.com/.default")
            return 200, {"access_token": desk.token(), "expires_in": LIFE_S, "token_type": "Bearer"}

        with _serving(desk, answer, tls) as url:
            places.append(url)
            account = (
                "azure:\n  - {name: there, resources: {there: contoso}, tenant_id: the-tenant, client_id: the-application,\n"
                f"     client_secret: '${{SECRET}}', authority: '{url}'}}\n"
            )
            yield cls(account, desk, certificates, url)


def guarded(provider: FakeProvider, guard: Guard, prefix: str = "/openai") -> App:
    """The provider behind the guard, below `prefix`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await provider(scope, receive, send)
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        guard.seen.append(headers)
        if not guard.admits(scope["method"], scope["path"], headers, body):
            text = b'{"error": {"message": "The credentials are not valid.", "code": "401", "type": "authentication"}}'
            await send(
                {
                    "type": "http.response.start",
                    "status": 401,
                    "headers": [(b"content-type", b"application/json")],
                }
            )
            await send({"type": "http.response.body", "body": text})
            return
        rest = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Any:
            return next(rest, None) or await receive()

        await provider({**scope, "path": scope["path"].removeprefix(prefix)}, again, send)

    return app


@contextmanager
def _serving(desk: TokenDesk, answer: Any, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A token server on a thread, since the clouds' kits block in theirs."""

    class Desk(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(*answer(self.path.partition("?")[0], {}))

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            if not desk.is_open:
                return self._say(503, {"error": "temporarily_unavailable"})
            return self._say(*answer(self.path, form))

        def _say(self, status: int, payload: Any) -> None:
            body = json.dumps(payload).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"https://localhost:{server.server_port}" if tls else f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

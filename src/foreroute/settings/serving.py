"""How users are served, and how channels are called."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from foreroute.settings.section import Name, Section
from foreroute.settings.units import Duration, Ratio, Size


class TimeoutSettings(Section):
    """How long one attempt may take, phase by phase."""

    connect: Duration = 5.0
    """Until the connection stands, TLS included."""
    first_chunk: Duration = 60.0
    """Until the first byte of the answer."""
    stall: Duration = 30.0
    """The longest silence inside a stream."""
    total: Duration = 600.0
    """The whole attempt, to the last byte."""


class BreakerSettings(Section):
    """When a channel's circuit breaker opens, and how it closes again."""

    consecutive_failures_max: int = Field(5, ge=1)
    """This many failures in a row open it."""
    failure_ratio_max: Ratio = 0.5
    """So does this part of failed attempts in the window."""
    attempts_min: int = Field(10, ge=1)
    """The ratio speaks only from this many attempts in the window on."""
    window: Duration = 30.0
    """How far back the ratio looks."""
    open: Duration = 10.0
    """How long it stays open at first."""
    open_max: Duration = 30.0
    """Each further opening doubles the wait, up to this: the longest that a channel may be well without being asked."""
    half_open_successes_min: int = Field(2, ge=1)
    """This many probing requests must succeed before it closes."""


class TlsSettings(Section):
    """How a listener proves who it is, and whether its clients have to. Files are in PEM form; a new certificate is taken up
    by a reload.
    """

    certificate: Path
    """The certificate and what it was signed with, beside this file or absolute."""
    key: Path
    """Its private key, not encrypted."""
    client_ca: Path | None = None
    """Only clients with a certificate that one of these has signed are let in, before any key is asked for."""


class GatewaySettings(Section):
    """The OpenAI-compatible data plane."""

    host: str = "127.0.0.1"
    """Anything but a loopback address needs `api_keys` or `require_key`."""
    port: int = Field(8080, ge=0, le=65535)
    """0 takes a free port."""
    tls: TlsSettings | None = None
    """Unset: plain HTTP, for the machine itself or behind a proxy that ends TLS."""
    upstreams: tuple[str, ...] = ()
    """The only hosts that channels may name, `*` for anything: `[api.openai.com, "*.openai.azure.com"]`. Empty: any."""
    api_keys: tuple[SecretStr, ...] = ()
    """Keys that clients may use, from the environment: `["${FOREROUTE_KEY}"]`. Without any: open to the machine."""
    require_key: bool = False
    """Ask for a key even while there is none, for gateways whose keys are all virtual (`foreroute keys create`)."""
    workers: int = Field(1, ge=1, le=64)
    """Processes that serve. They share limits and budgets exactly, through a file beside `store.path`."""
    region: Name | None = None
    """Where this gateway stands: channels of near regions come first."""
    client_region_header: str | None = None
    """A header of your proxy that names the client's region, such as `x-client-region`. Believed from `geo.trusted_proxies`
    only, if there are any."""
    body_max: Size = 50_000_000
    """The largest request body."""
    depth_max: int = Field(128, ge=4, le=1000)
    """The deepest nesting of a request body."""
    deadline: Duration = 600.0
    """No attempt of a request starts later than this."""
    queue: Duration = 5.0
    """How long a request may wait for a place on a channel before it is refused."""
    queue_max: int = Field(100, ge=0)
    """How many requests may wait; 0: none."""
    keep_alive: Duration = 10.0
    """A stream that has been silent for so long gets a comment, which clients skip."""
    passthrough: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")], ...] = (
        "audio",
        "batches",
        "files",
        "images",
        "moderations",
        "rerank",
        "responses",
        "uploads",
    )
    """First segments of the paths under `/v1` that are passed on without being understood. No others are."""
    probe: bool = True
    """Ask a channel that was left out with a completion of one token; `false`: a user's request finds out."""


class DashboardSettings(Section):
    """The control plane's pages and JSON API."""

    enabled: bool = True
    """`false` serves neither pages nor API."""
    host: str = "127.0.0.1"
    """Anything but a loopback address needs `admin_key`."""
    port: int = Field(8081, ge=0, le=65535)
    """0 takes a free port."""
    tls: TlsSettings | None = None
    """Unset: plain HTTP."""
    admin_key: SecretStr | None = None
    """Asked for on every request to the API if set: `${FOREROUTE_ADMIN_KEY}`."""

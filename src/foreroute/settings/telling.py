"""Who is told, and what is written where."""

from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from foreroute.alerts.settings import DEFAULT_GROUP_BY
from foreroute.settings.section import Name, Section
from foreroute.settings.units import Duration


class AlertReceiverSettings(Section):
    """Somebody who is told. Either a webhook or Apprise addresses, which are secrets: they stand in the environment or
    in a file of their own.
    """

    name: Name
    """As routes call it."""
    webhook_url: SecretStr | None = None
    """Takes POSTs in the format of Alertmanager's webhooks: `${PAGER_URL}`."""
    webhook_url_file: Path | None = None
    """A file that holds the address alone. Relative to the configuration file."""
    apprise_urls: tuple[SecretStr, ...] = ()
    """Mail, Slack, Teams and more, one address each: `["${SLACK_URL}"]`. Needs the extra `alerts`."""
    apprise_urls_file: Path | None = None
    """A file with one address a line. Relative to the configuration file."""

    @model_validator(mode="after")
    def _has_one_way(self) -> "AlertReceiverSettings":
        ways = [self.webhook_url, self.webhook_url_file, self.apprise_urls, self.apprise_urls_file]
        if sum(bool(way) for way in ways) != 1:
            raise ValueError(
                "a receiver has exactly one of webhook_url, webhook_url_file, apprise_urls and apprise_urls_file"
            )
        return self


class AlertRouteSettings(Section):
    """Which alerts go to whom, and how they are bundled. The first route that matches is taken."""

    match: tuple[str, ...] = ()
    """All must match: `severity=critical|warning`, `region!=eu-*`. Without any: every alert."""
    receivers: tuple[Name, ...] = ()
    """Their names. Without any: nobody is told."""
    group_by: tuple[str, ...] = DEFAULT_GROUP_BY
    """Alerts in which these labels agree share a message."""
    group_wait: Duration = 60.0
    """How long the first message of a group waits for others to join. This and the next two are rounded up to ticks."""
    group_interval: Duration = 300.0
    """The least time between two messages about one group."""
    repeat_interval: Duration = 4 * 3600.0
    """When nothing changes, a reminder after this long, unless the alert is acknowledged."""
    go_on: bool = False
    """`true` asks the routes below too."""


class AlertsSettings(Section):
    """What is worth a word. Alerts are on the dashboard always; messages need receivers."""

    enabled: bool = True
    """`false` makes no alerts at all."""
    receivers: tuple[AlertReceiverSettings, ...] = ()
    """Who can be told."""
    routes: tuple[AlertRouteSettings, ...] = ()
    """Without any: alerts that are critical or a warning go to all receivers."""
    firing_after: Duration = 120.0
    """How long an anomaly or an expected breach must last before it fires."""
    resolved_after: Duration = 180.0
    """How long there must be no sign of it before it is over."""
    impact_warning: float = Field(2.0, gt=0.0)
    """Requests a minute that are affected × how many times over the usual, from which on it is a warning."""
    impact_critical: float = Field(100.0, gt=0.0)
    """From here on it is critical."""
    external_url: str | None = None
    """The dashboard's address for the link in messages. Unset: where it listens."""


class OtelSettings(Section):
    """Attempts for an OpenTelemetry collector, by OTLP over HTTP. Needs the extra `otel`."""

    enabled: bool = False
    """`true` exports metrics."""
    endpoint: str | None = None
    """The collector's address, without `/v1/metrics`: `http://127.0.0.1:4318`. Unset: what the `OTEL_EXPORTER_OTLP_*`
    variables say, which also hold headers and certificates."""
    traces: bool = False
    """A span for each attempt too, under the caller's `traceparent`."""
    interval: Duration = 30.0
    """How often metrics are sent."""

    @model_validator(mode="after")
    def _endpoint_is_an_address(self) -> "OtelSettings":
        if self.endpoint is None:
            return self
        try:
            parts = urlsplit(self.endpoint)
            parts.port  # noqa: B018 - reading it checks it
        except ValueError:
            raise ValueError("endpoint is not a valid address: its host or port makes no sense") from None
        # The address itself is not shown: it may hold a password.
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError(
                "endpoint is an http or https address without a user, such as http://127.0.0.1:4318; "
                "credentials go into OTEL_EXPORTER_OTLP_HEADERS"
            )
        if parts.query or parts.fragment:
            raise ValueError("endpoint has neither a query nor a fragment, such as http://127.0.0.1:4318")
        return self


class LogFormat(StrEnum):
    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class LogSettings(Section):
    """What is written to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important line that is written."""
    format: LogFormat = LogFormat.AUTO
    """`auto` is text on a terminal and JSON elsewhere."""

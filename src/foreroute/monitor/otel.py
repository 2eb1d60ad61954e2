# ruff: noqa: PLC0415 - OpenTelemetry is an extra, loaded when it is switched on
"""Attempts for an OpenTelemetry collector: metrics, and on request a span for each, by OTLP over HTTP.

Names are those of the GenAI semantic conventions (status: development), in which a gateway is a client of its
channels. The event loop only puts an attempt into a queue; a thread of its own does all that OpenTelemetry costs.
"""

import atexit
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from foreroute import __version__
from foreroute.core.attempt import NO_USAGE, Attempt, Outcome
from foreroute.core.channel import Channel
from foreroute.core.errors import MissingExtra
from foreroute.core.ids import ChannelId
from foreroute.monitor.collector import Collector

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

_log: Final = logging.getLogger("foreroute.monitor")
_WAITING_MAX: Final = 100_000
_LOOK_EVERY_S: Final = 0.25
_SLICE: Final = 4
_PAUSE_S: Final = 0.0005
"""After so many attempts the thread pauses for so long: the event loop does not wait for the interpreter's lock."""
_SPANS_MAX: Final = 1024
"""So many spans are sent before more are made: the library drops what is over 2048."""
_FAREWELL_S: Final = 5.0

_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_FIRST_TOKEN: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)
_TOKENS: Final = tuple(4**power for power in range(14))
_PROVIDERS: Final = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshotai": "moonshot_ai",
    "x-ai": "x_ai",
}
"""Where the conventions name a provider otherwise than the price book does."""
_OPERATIONS: Final = {"/completions": "text_completion", "/embeddings": "embeddings"}
"""By endpoint; what is not here is a chat, in whatever format, or passed on without being understood."""
_PORTS: Final = {"http": 80, "https": 443}
_Attributes = dict[str, str | bool | int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class OtelOptions:
    endpoint: str | None = None
    """The collector's address without the signal's path; None: what the `OTEL_*` variables say."""
    traces: bool = False
    interval_s: float = 30.0


class OtelSink:
    """An attempt sink. `record` may be called from any thread, never blocks and never raises.

    Attempts that the thread cannot keep up with, as when the collector is away, are dropped, oldest first, and
    counted in `dropped`. At the end of the process what is waiting is sent, for at most a few seconds.
    """

    def __init__(self, options: OtelOptions, channels: Mapping[ChannelId, Channel]) -> None:
        """Raises MissingExtra without the extra `otel`."""
        self._waiting = Collector(_WAITING_MAX)
        self._meters = _Meters(options)
        self._spans = _Spans(options) if options.traces else None
        self._known: dict[ChannelId, _Attributes] = {}
        self._stop = threading.Event()
        self._complained = False
        self.adopt(channels)
        # A daemon, so that a collector that is away does not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="otel", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def dropped(self) -> int:
        return self._waiting.dropped

    def record(self, attempt: Attempt) -> None:
        self._waiting.record(attempt)

    def adopt(self, channels: Mapping[ChannelId, Channel]) -> None:
        """From now on these are the channels that attempts speak of."""
        self._known = {name: _attributes_of(channel) for name, channel in channels.items()}

    def close(self, timeout_s: float = _FAREWELL_S) -> None:
        """Sends what is waiting; gives up after a while. May be called twice."""
        self._stop.set()
        self._thread.join(timeout_s)
        atexit.unregister(self.close)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            self._export(self._waiting.drain())
        self._export(self._waiting.drain())
        if self._spans is not None:
            self._spans.provider.shutdown()
        self._meters.provider.shutdown()

    def _export(self, attempts: Sequence[Attempt]) -> None:
        for number, attempt in enumerate(attempts, start=1):
            try:
                self._one(attempt)
                if self._spans is not None and number % _SPANS_MAX == 0:
                    self._spans.provider.force_flush()
            except Exception as error:  # noqa: BLE001 - a library's fault ends neither the thread nor the gateway
                self._complain("otel_not_recorded", error)
            if number % _SLICE == 0:
                time.sleep(_PAUSE_S)
        if self._waiting.dropped:
            self._complain("otel_attempts_dropped", None)

    def _one(self, attempt: Attempt) -> None:
        known = self._known.get(attempt.channel, {})
        attributes: _Attributes = {
            **known,
            "gen_ai.operation.name": _operation(attempt),
            "foreroute.channel": attempt.channel,
            "foreroute.route": attempt.route,
            "foreroute.outcome": attempt.outcome.value,
        }
        if attempt.failure_class is not None:
            attributes["error.type"] = attempt.failure_class.value
        if attempt.outcome is Outcome.SUCCESS and "gen_ai.request.model" in known:
            attributes["gen_ai.response.model"] = known["gen_ai.request.model"]
        self._meters.record(attempt, attributes)
        if self._spans is not None:
            self._spans.record(attempt, attributes)

    def _complain(self, event: str, error: Exception | None) -> None:
        """Once: whoever reads it must act, and needs no line for each attempt."""
        if not self._complained:
            self._complained = True
            _log.error(event, extra={"error": repr(error) if error else "", "dropped": self.dropped})


class _Meters:
    def __init__(self, options: OtelOptions) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        except ImportError:
            raise _missing() from None
        exporter = OTLPMetricExporter(endpoint=_signal(options.endpoint, "metrics"))
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=options.interval_s * 1000)
        self.provider: MeterProvider = MeterProvider([reader], resource=_resource(), shutdown_on_exit=False)
        meter = self.provider.get_meter("foreroute", __version__)
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="Time to receive the first chunk of a stream.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._first_token = meter.create_histogram(
            "gen_ai.server.time_to_first_token",
            unit="s",
            description="Time to the first chunk of a stream that succeeded, as the gateway has seen it.",
            explicit_bucket_boundaries_advisory=_FIRST_TOKEN,
        )

    def record(self, attempt: Attempt, attributes: _Attributes) -> None:
        self._duration.record(attempt.duration_s, attributes)
        first_s = attempt.time_to_first_chunk_s
        if attempt.stream and first_s is not None:
            self._first_chunk.record(first_s, attributes)
            if attempt.outcome is Outcome.SUCCESS:
                self._first_token.record(first_s, attributes)
        if attempt.usage != NO_USAGE:
            for kind, tokens in (("input", _input_tokens(attempt)), ("output", attempt.usage.output_tokens)):
                if tokens:
                    self._tokens.record(tokens, {**attributes, "gen_ai.token.type": kind})


class _Spans:
    def __init__(self, options: OtelOptions) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError:
            raise _missing() from None
        self.provider: TracerProvider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=_signal(options.endpoint, "traces"))
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self.provider.get_tracer("foreroute", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._client, self._error = trace.SpanKind.CLIENT, trace.StatusCode.ERROR

    def record(self, attempt: Attempt, attributes: _Attributes) -> None:
        from opentelemetry.context import Context

        # Without a parent of its own a span has none, whatever this thread may be doing.
        headers = {} if attempt.trace is None else {"traceparent": attempt.trace}
        span = self._tracer.start_span(
            f"{_operation(attempt)} {attributes.get('gen_ai.request.model', attempt.route)}",
            context=self._propagator.extract(headers, Context()),
            kind=self._client,
            attributes={**attributes, **_details(attempt)},
            start_time=round(attempt.started_at * 1e9),
        )
        if attempt.failure_class is not None:
            span.set_status(self._error, attempt.error or None)
        span.end(round(attempt.ended_at * 1e9))


def _details(attempt: Attempt) -> _Attributes:
    """What is too fine for a metric."""
    details: dict[str, Any] = {
        "gen_ai.request.stream": attempt.stream,
        "gen_ai.response.time_to_first_chunk": attempt.time_to_first_chunk_s if attempt.stream else None,
        "http.response.status_code": attempt.status,
        "foreroute.request_id": attempt.request_id,
        "foreroute.attempt": attempt.number,
        "foreroute.reason": attempt.reason.value,
        "foreroute.hedge": attempt.hedge,
        "foreroute.plan_version": attempt.plan_version,
    }
    if attempt.usage != NO_USAGE:
        details["gen_ai.usage.input_tokens"] = _input_tokens(attempt)
        details["gen_ai.usage.output_tokens"] = attempt.usage.output_tokens
        details["gen_ai.usage.cache_read.input_tokens"] = attempt.usage.cached_input_tokens
        details["gen_ai.usage.cache_creation.input_tokens"] = attempt.usage.cache_write_tokens
    return {name: value for name, value in details.items() if value is not None}


def _input_tokens(attempt: Attempt) -> int:
    """All of them: the conventions count those from and for the cache in."""
    usage = attempt.usage
    return usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens


def _operation(attempt: Attempt) -> str:
    if attempt.asked.endpoint == "/*":
        return "passthrough"
    return _OPERATIONS.get(attempt.asked.endpoint, "chat")


def _attributes_of(channel: Channel) -> _Attributes:
    attributes: _Attributes = {
        "gen_ai.provider.name": _PROVIDERS.get(channel.provider, channel.provider),
        "gen_ai.request.model": channel.model,
    }
    parts = urlsplit(channel.base_url)
    if parts.hostname:
        attributes["server.address"] = parts.hostname
        attributes["server.port"] = parts.port or _PORTS.get(parts.scheme, 443)
    return attributes


def _resource() -> "Resource":
    """`service.name` is foreroute unless the `OTEL_*` variables say otherwise."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    own = Resource.create({"service.name": "foreroute", "service.version": __version__})
    return own.merge(OTELResourceDetector().detect())


def _signal(endpoint: str | None, signal: str) -> str | None:
    return None if endpoint is None else f"{endpoint.rstrip('/')}/v1/{signal}"


def _missing() -> MissingExtra:
    return MissingExtra("opentelemetry-exporter-otlp-proto-http", "otel", "`otel.enabled`")

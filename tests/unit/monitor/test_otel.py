"""What an OpenTelemetry collector is told, by a real one on loopback."""

import asyncio
import gzip
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import aiohttp
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from foreroute.app.data_plane import build_data_plane
from foreroute.clock import SystemClock
from foreroute.core.attempt import NO_USAGE, Attempt, Outcome, Usage
from foreroute.core.attempt_json import attempt_fields, attempt_of
from foreroute.core.channel import Channel
from foreroute.core.errors import ConfigError, MissingExtra
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, RegionId
from foreroute.monitor.otel import OtelOptions, OtelSink
from foreroute.serving import serve_asgi
from foreroute.settings.load import parse_settings
from foreroute.testing.check_store import an_attempt
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CHANNELS = {
    ChannelId("eu"): Channel(
        id=ChannelId("eu"),
        provider="azure",
        cloud="azure",
        region=RegionId("eu"),
        model="gpt-4o",
        base_url="https://example.openai.azure.com/openai/v1",
    )
}
USAGE = Usage(input_tokens=10, cached_input_tokens=5, cache_write_tokens=1, output_tokens=7)


@dataclass
class OtlpCollector:
    url: str = ""
    paths: list[str] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Attributes and data point of a histogram, in the last export that has it."""
        for request in reversed(self.metrics):
            found = [
                (plain(point.attributes), point)
                for resource in request.resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
                if metric.name == name
                for point in metric.histogram.data_points
            ]
            if found:
                return found
        return []

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@pytest.fixture
def collector() -> Iterator[OtlpCollector]:
    found = OtlpCollector()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            found.paths.append(self.path)
            if self.path == "/v1/metrics":
                found.metrics.append(ExportMetricsServiceRequest.FromString(body))
            elif self.path == "/v1/traces":
                found.traces.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
            found.arrived.set()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        found.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield found
        http.shutdown()
        thread.join()


def attempt(**changes: Any) -> Attempt:
    good: dict[str, Any] = {
        "channel": ChannelId("eu"),
        "outcome": Outcome.SUCCESS,
        "failure_class": None,
        "stream": True,
        "duration_s": 0.5,
        "time_to_first_chunk_s": 0.25,
        "status": 200,
        "usage": USAGE,
        "error": "",
    }
    return replace(an_attempt(1), **{**good, **changes})


def export(collector: OtlpCollector, *attempts: Attempt, traces: bool = False) -> None:
    sink = OtelSink(OtelOptions(endpoint=f"{collector.url}/", traces=traces, interval_s=3600.0), CHANNELS)
    for one in attempts:
        sink.record(one)
    sink.close(20.0)


def test_an_attempt_becomes_the_metrics_of_the_conventions(collector: OtlpCollector) -> None:
    one = attempt()
    export(collector, one)
    ((attributes, duration),) = collector.points("gen_ai.client.operation.duration")
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o",
        "server.address": "example.openai.azure.com",
        "server.port": 443,
        "foreroute.channel": "eu",
        "foreroute.route": one.route,
        "foreroute.outcome": "success",
    }
    assert (duration.count, duration.sum) == (1, 0.5)
    assert list(duration.explicit_bounds)[:2] == [0.01, 0.02]
    for name in ("gen_ai.client.operation.time_to_first_chunk", "gen_ai.server.time_to_first_token"):
        assert [point.sum for _, point in collector.points(name)] == [0.25]
    tokens = {
        found["gen_ai.token.type"]: point.sum
        for found, point in collector.points("gen_ai.client.token.usage")
    }
    assert tokens == {"input": 16, "output": 7}
    resource = plain(collector.metrics[-1].resource_metrics[0].resource.attributes)
    assert resource["service.name"] == "foreroute"
    assert set(collector.paths) == {"/v1/metrics"}


def test_a_failure_names_its_class_and_counts_no_tokens(collector: OtlpCollector) -> None:
    failed = attempt(outcome=Outcome.TIMEOUT, failure_class=FailureClass.TIMEOUT_READ, usage=NO_USAGE)
    export(collector, failed, failed)
    ((attributes, duration),) = collector.points("gen_ai.client.operation.duration")
    assert attributes["error.type"] == "timeout_read"
    assert attributes["foreroute.outcome"] == "timeout"
    assert "gen_ai.response.model" not in attributes
    assert duration.count == 2
    assert collector.points("gen_ai.client.token.usage") == []
    assert collector.points("gen_ai.server.time_to_first_token") == []


def test_an_answer_in_one_piece_has_no_first_chunk(collector: OtlpCollector) -> None:
    export(collector, attempt(stream=False))
    assert collector.points("gen_ai.client.operation.duration")
    assert collector.points("gen_ai.client.operation.time_to_first_chunk") == []


def test_a_span_hangs_under_the_callers_trace(collector: OtlpCollector) -> None:
    one = attempt(trace=f"00-{TRACE_ID}-{PARENT_ID}-01")
    export(collector, one, traces=True)
    (span,) = collector.spans()
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
    assert span.name == "chat gpt-4o"
    assert span.kind == span.SPAN_KIND_CLIENT
    assert span.end_time_unix_nano - span.start_time_unix_nano == pytest.approx(0.5e9, abs=1e6)
    assert span.start_time_unix_nano == pytest.approx(one.started_at * 1e9, abs=1e3)
    attributes = plain(span.attributes)
    assert attributes["gen_ai.usage.input_tokens"] == 16
    assert attributes["foreroute.request_id"] == one.request_id
    assert attributes["foreroute.attempt"] == 1
    assert span.status.code == span.status.STATUS_CODE_UNSET


def test_a_span_without_a_trace_is_a_root_and_a_failure_is_an_error(collector: OtlpCollector) -> None:
    export(
        collector,
        attempt(outcome=Outcome.FAILURE, failure_class=FailureClass.OVERLOADED, error="busy"),
        traces=True,
    )
    (span,) = collector.spans()
    assert span.parent_span_id == b""
    assert (span.status.code, span.status.message) == (span.status.STATUS_CODE_ERROR, "busy")


def test_a_caller_that_does_not_sample_gets_no_span(collector: OtlpCollector) -> None:
    export(collector, attempt(trace=f"00-{TRACE_ID}-{PARENT_ID}-00"), attempt(), traces=True)
    assert len(collector.spans()) == 1


def test_many_spans_at_once_all_arrive(collector: OtlpCollector) -> None:
    export(collector, *(attempt(number=number) for number in range(1, 3001)), traces=True)
    assert len(collector.spans()) == 3000
    assert [point.count for _, point in collector.points("gen_ai.client.operation.duration")] == [3000]


def test_metrics_are_sent_every_interval(collector: OtlpCollector) -> None:
    sink = OtelSink(OtelOptions(endpoint=collector.url, interval_s=0.05), CHANNELS)
    sink.record(attempt())
    assert collector.arrived.wait(10.0)
    sink.close(20.0)
    assert collector.points("gen_ai.client.operation.duration")


def test_new_channels_are_known_after_they_were_adopted(collector: OtlpCollector) -> None:
    sink = OtelSink(OtelOptions(endpoint=collector.url, interval_s=3600.0), {})
    sink.adopt(CHANNELS)
    sink.record(attempt())
    sink.record(attempt(channel=ChannelId("gone")))
    sink.close(20.0)
    models = {
        found["foreroute.channel"]: found.get("gen_ai.request.model")
        for found, _ in collector.points("gen_ai.client.operation.duration")
    }
    assert models == {"eu": "gpt-4o", "gone": None}


def test_the_environment_names_the_collector_and_the_service(
    collector: OtlpCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "edge")
    sink = OtelSink(OtelOptions(interval_s=3600.0), CHANNELS)
    sink.record(attempt())
    sink.close(20.0)
    resource = plain(collector.metrics[-1].resource_metrics[0].resource.attributes)
    assert resource["service.name"] == "edge"


PROCESS = """
from foreroute.monitor.otel import OtelOptions, OtelSink
from foreroute.testing.check_store import an_attempt
sink = OtelSink(OtelOptions(endpoint={endpoint!r}, traces=True, interval_s=3600.0), {{}})
for number in range(1, 101):
    sink.record(an_attempt(number))
{end}
"""


def process(endpoint: str, end: str = "") -> float:
    """Runs a process that records a hundred attempts; returns how long it took."""
    before = time.perf_counter()
    code = PROCESS.format(endpoint=endpoint, end=end)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
    return time.perf_counter() - before


def test_a_collector_that_is_away_holds_up_neither_record_nor_the_end() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, and nobody listens
        assert process(f"http://127.0.0.1:{nobody.getsockname()[1]}", "sink.close(0.2)") < 8.0


def test_what_waits_at_the_end_of_the_process_is_sent(collector: OtlpCollector) -> None:
    process(collector.url)
    assert len(collector.spans()) == 100
    assert sum(point.count for _, point in collector.points("gen_ai.client.operation.duration")) == 100


def test_record_never_raises_whatever_an_attempt_holds(collector: OtlpCollector) -> None:
    odd = attempt(error="\udc80", started_at=float("nan"), trace="nonsense")
    export(collector, odd, attempt(), traces=True)
    assert len(collector.spans()) == 1


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    with pytest.raises(MissingExtra, match=r"pip install 'foreroute\[otel\]'"):
        OtelSink(OtelOptions(), CHANNELS)


@pytest.mark.parametrize(
    ("header", "parent"),
    [(f"00-{TRACE_ID}-{PARENT_ID}-01", PARENT_ID), ("Dear diary, 00-secret", ""), (None, "")],
)
async def test_a_request_through_the_gateway_is_exported(
    collector: OtlpCollector, header: str | None, parent: str
) -> None:
    async with await serve_asgi(FakeProvider(Always(ProviderAnswer())), "127.0.0.1", 0) as provider:
        text = f"""
            channels: [{{id: near, provider: openai, region: here, model: m, base_url: {provider.url}/v1}}]
            routes: [{{model: chat, targets: [{{channel: near}}]}}]
            otel: {{enabled: true, endpoint: {collector.url}, traces: true, interval: 1h}}
        """
        settings = parse_settings(text.encode(), name="test", environment={})
        data = build_data_plane(settings, clock=SystemClock(), rng=random.Random(1))
        async with await serve_asgi(data.gateway, "127.0.0.1", 0) as server, aiohttp.ClientSession() as http:
            body = {"model": "chat", "messages": [{"role": "user", "content": "Hello?"}]}
            headers = {} if header is None else {"traceparent": header}
            async with http.post(f"{server.url}/v1/chat/completions", json=body, headers=headers) as answer:
                assert answer.status == 200
        await data.gateway.aclose()
    assert data.otel is not None
    await asyncio.to_thread(data.otel.close, 20.0)
    (span,) = collector.spans()
    assert span.parent_span_id.hex() == parent
    (recorded,) = data.intake.drain()
    assert recorded.trace == (header if parent else None)
    ((attributes, _),) = collector.points("gen_ai.client.operation.duration")
    assert (attributes["foreroute.channel"], attributes["foreroute.route"]) == ("near", "chat")


def test_switched_off_there_is_no_sink_and_no_thread() -> None:
    text = """
        channels: [{id: near, provider: openai, region: here, model: m, base_url: "http://127.0.0.1:9/v1"}]
        routes: [{model: chat, targets: [{channel: near}]}]
    """
    settings = parse_settings(text.encode(), name="test", environment={})
    assert build_data_plane(settings, clock=SystemClock(), rng=random.Random(1)).otel is None


@pytest.mark.parametrize(
    "endpoint", ["collector:4318", "http://u:hunter2@c:1", "http://c/?a=hunter2", "http://[c", "http://c:x"]
)
def test_an_endpoint_that_is_no_address_is_refused_without_being_shown(endpoint: str) -> None:
    text = f"otel: {{endpoint: '{endpoint}'}}"
    with pytest.raises(ConfigError, match=r"test:1: otel") as refused:
        parse_settings(text.encode(), name="test", environment={})
    assert "hunter2" not in str(refused.value)


def test_an_attempt_that_was_written_before_there_were_traces_can_be_read() -> None:
    traced = attempt(trace=f"00-{TRACE_ID}-{PARENT_ID}-01")
    fields = attempt_fields(traced)
    naming: dict[str, Any] = {
        "request_id": traced.request_id,
        "number": traced.number,
        "started_at": traced.started_at,
        "channel": traced.channel,
        "cost_usd": traced.cost_usd,
    }
    assert attempt_of(fields, **naming) == traced
    del fields["trace"]
    assert attempt_of(fields, **naming) == replace(traced, trace=None)

"""`docs/reference/metrics.md`: every metric of `/metrics`, from the calls that make it, and those of OpenTelemetry."""

import re
from dataclasses import dataclass

from scripts.pages.code import SOURCE, calls, constant, row, table, texts, trees

_HEAD = """# Metrics

<!-- Made by scripts/generate.py from the source: edit there. -->

What `GET /metrics` on the gateway's port says, in Prometheus' text format. What it is good for, and OpenTelemetry's own
attributes: [observability](../observability.md). A ready [Grafana dashboard](../../deploy/grafana/foreroute.json) and
[alert rules](../../deploy/prometheus/foreroute.rules.yaml) use nothing else: [how to use them](../how-to/watch-with-grafana.md).

A *try* is one attempt of one request on one channel; a request that fails over has several. Labels are bounded: a channel, a
route, an outcome, a class of failures, a type of tokens. Never a request, a key, a user or a text.

## Prometheus

"""
_OTEL_HEAD = """
## OpenTelemetry

With `otel.enabled`, by the names of the GenAI semantic conventions. What each counts: [observability](../observability.md#opentelemetry).

"""
_LABELS = {"foreroute_attempt_duration_seconds", "foreroute_time_to_first_chunk_seconds"}


@dataclass(frozen=True, slots=True)
class Exported:
    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


def exported() -> dict[str, Exported]:
    """Every family of `/metrics` by name. One that several places make is told as the first of them says it."""
    found: dict[str, Exported] = {}
    for path, tree in trees("monitor/export.py", "app"):
        for maker, kind in (("_counter", "counter"), ("_histogram", "histogram"), ("Gauge", "gauge")):
            for call in calls(tree, maker):
                name = constant(call.args[0]) if call.args else ""
                if not name:
                    raise ValueError(f"{path.name}: a metric must be named by a literal")
                labels = ("channel", "route") if kind == "histogram" else texts(call.args[2])
                found.setdefault(name, Exported(name, kind, labels, constant(call.args[1])))
    return found


def otel_names() -> list[str]:
    text = (SOURCE / "monitor/otel.py").read_text(encoding="utf-8")
    return sorted(set(re.findall(r'"(gen_ai\.(?:client|server)\.[a-z_.]+)"', text)))


def metrics_page() -> str:
    rows = [
        row(f"`{one.name}`", one.kind, ", ".join(f"`{label}`" for label in one.labels) or "–", one.help)
        for one in exported().values()
    ]
    otel = [row(f"`{name}`") for name in otel_names()]
    return (
        _HEAD
        + table("metric", "kind", "labels", "meaning")
        + "".join(rows)
        + "\nA histogram `NAME` has the series `NAME_bucket` (with `le`), `NAME_sum` and `NAME_count`. With `--workers` the\n"
        "counters are the sum of all workers, and `foreroute_breaker_open` says how many workers have it open.\n"
        + _OTEL_HEAD
        + table("metric")
        + "".join(otel)
    )

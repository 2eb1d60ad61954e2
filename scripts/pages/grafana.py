"""`deploy/grafana/foreroute.json`: one dashboard over what `/metrics` says, for any Prometheus data source."""

import json
from typing import Any

_WHERE = 'channel=~"$channel"'
_ROUTED = f'{_WHERE}, route=~"$route"'
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT = 12, 8

PANELS: tuple[tuple[str, str, str, str], ...] = (
    (
        "Tries that went well",
        "percentunit",
        (
            f'sum by (channel) (rate(foreroute_attempts_total{{outcome="success", {_ROUTED}}}[$__rate_interval]))'
            f' / sum by (channel) (rate(foreroute_attempts_total{{outcome!="ignored", {_ROUTED}}}[$__rate_interval]))'
        ),
        "{{channel}}",
    ),
    (
        "Time to the first chunk, 95th percentile",
        "s",
        (
            "histogram_quantile(0.95, sum by (channel, le)"
            f" (rate(foreroute_time_to_first_chunk_seconds_bucket{{{_ROUTED}}}[$__rate_interval])))"
        ),
        "{{channel}}",
    ),
    (
        "Share of each channel in its route",
        "percentunit",
        f"foreroute_share_ratio{{{_ROUTED}}}",
        "{{route}} {{channel}}",
    ),
    (
        "Tries a second",
        "reqps",
        f"sum by (channel, outcome) (rate(foreroute_attempts_total{{{_ROUTED}}}[$__rate_interval]))",
        "{{channel}} {{outcome}}",
    ),
    (
        "Failures a second, by cause",
        "reqps",
        f"sum by (channel, failure_class) (rate(foreroute_failures_total{{{_WHERE}}}[$__rate_interval]))",
        "{{channel}} {{failure_class}}",
    ),
    (
        "Whole answers, 95th percentile",
        "s",
        (
            "histogram_quantile(0.95, sum by (channel, le)"
            f" (rate(foreroute_attempt_duration_seconds_bucket{{{_ROUTED}}}[$__rate_interval])))"
        ),
        "{{channel}}",
    ),
    (
        "Tokens a second",
        "short",
        f"sum by (channel, type) (rate(foreroute_tokens_total{{{_WHERE}}}[$__rate_interval]))",
        "{{channel}} {{type}}",
    ),
    ("Tries under way", "short", f"foreroute_in_flight{{{_WHERE}}}", "{{channel}}"),
    ("Breakers that are open", "short", f"foreroute_breaker_open{{{_WHERE}}}", "{{channel}}"),
    (
        "Since the control loop last ticked",
        "s",
        "time() - foreroute_loop_last_tick_timestamp_seconds",
        "{{instance}}",
    ),
    ("Plan that serves", "short", "foreroute_plan_version", "{{instance}}"),
    (
        "Requests that no channel was asked for",
        "short",
        "increase(foreroute_requests_unasked[$__rate_interval])",
        "{{why}}",
    ),
)
"""(title, unit, query, legend)"""


def dashboard() -> str:
    """JSON for Grafana's import, schema version 39; the data source is chosen there."""
    made = {
        "title": "Foreroute",
        "uid": "foreroute",
        "tags": ["llm", "gateway"],
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_datasource(), _variable("route"), _variable("channel")]},
        "panels": [_panel(number, *panel) for number, panel in enumerate(PANELS)],
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _variable(label: str) -> dict[str, Any]:
    return {
        "name": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": f"label_values(foreroute_share_ratio, {label})",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(number: int, title: str, unit: str, query: str, legend: str) -> dict[str, Any]:
    place = {
        "x": _WIDTH * (number % 2),
        "y": _HEIGHT * (number // 2),
        "w": _WIDTH,
        "h": _HEIGHT,
    }
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "targets": [{"refId": "A", "datasource": _SOURCE, "expr": query, "legendFormat": legend}],
    }

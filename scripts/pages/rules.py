"""`deploy/prometheus/foreroute.rules.yaml`: alerts on what `/metrics` says.

Error budgets burn by several windows at once, a long one that is sure and a short one that ends the alert soon after the
trouble, as in the SRE Workbook of Google, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts"
(https://sre.google/workbook/alerting-on-slos/).
"""

from typing import Any

import yaml

OBJECTIVE = 0.99
"""Of the tries of a channel so many shall go well. Over thirty days."""
BURNS = (
    ("1h", "5m", 14.4, "critical", "2 % of thirty days' budget in an hour"),
    ("6h", "30m", 6.0, "critical", "5 % in six hours"),
    ("3d", "6h", 1.0, "warning", "10 % in three days"),
)
_WINDOWS = ("5m", "30m", "1h", "6h", "3d")
_HEAD = f"""\
# Made by scripts/generate.py from scripts/pages/rules.py: edit there.
#
# Tries, not requests: where another channel answered after a failed try, the user lost nothing and the channel's budget still
# burns. So these say which channel to look at; whether users suffer is told by Foreroute's own alerts (docs/alerts.md).
# The objective is {OBJECTIVE:.0%} of a channel's tries: replace {1 - OBJECTIVE:.2f} for another one.
"""


def rules() -> str:
    groups = [
        {"name": "foreroute-ratios", "rules": [_ratio(window) for window in _WINDOWS]},
        {"name": "foreroute-budgets", "rules": [_burn(*burn) for burn in BURNS]},
        {"name": "foreroute-state", "rules": _states()},
    ]
    return _HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, width=110, allow_unicode=True)


def _ratio(window: str) -> dict[str, Any]:
    bad = f'sum by (channel) (rate(foreroute_attempts_total{{outcome=~"failure|timeout"}}[{window}]))'
    every = f'sum by (channel) (rate(foreroute_attempts_total{{outcome!="ignored"}}[{window}]))'
    return {"record": f"foreroute:bad_tries:ratio_rate{window}", "expr": f"({bad} or 0 * {every}) / {every}"}


def _burn(long: str, short: str, factor: float, severity: str, meaning: str) -> dict[str, Any]:
    limit = f"{factor:g} * {1 - OBJECTIVE:.2f}"
    return {
        "alert": f"ForerouteBudgetBurns{long}",
        "expr": f"foreroute:bad_tries:ratio_rate{long} > {limit} and foreroute:bad_tries:ratio_rate{short} > {limit}",
        "labels": {"severity": severity},
        "annotations": {
            "summary": "{{ $labels.channel }} burns its error budget "
            f"{factor:g} times too fast ({meaning})",
            "description": "foreroute status; foreroute incidents list",
        },
    }


def _states() -> list[dict[str, Any]]:
    return [
        _state(
            "ForerouteLoopSilent",
            "time() - foreroute_loop_last_tick_timestamp_seconds > 180",
            "1m",
            "critical",
            "The control loop has not ticked for three minutes: the gateway serves the last plan, then the configuration",
        ),
        _state(
            "ForerouteBreakerOpen",
            "foreroute_breaker_open > 0",
            "5m",
            "warning",
            "The breaker of {{ $labels.channel }} has been open for five minutes",
        ),
        _state(
            "ForerouteRouteWithoutChannel",
            "sum by (route) (foreroute_share_ratio * on (instance, channel) group_left () (foreroute_breaker_open == bool 0)) == 0",
            "1m",
            "critical",
            "Every channel of {{ $labels.route }} that has a share is out",
        ),
        _state(
            "ForerouteConfigRefused",
            "foreroute_config_last_reload_successful == 0",
            "5m",
            "warning",
            "The configuration file was refused; the last good one serves",
        ),
    ]


def _state(name: str, expr: str, lasts: str, severity: str, summary: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expr,
        "for": lasts,
        "labels": {"severity": severity},
        "annotations": {"summary": summary},
    }

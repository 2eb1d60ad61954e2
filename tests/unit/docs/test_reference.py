"""What can be set, measured, answered or done is on a page; what is not fails here."""

import json
import re
from typing import Any

import pytest
import yaml
from scripts.pages import errors, headers, metrics, openapi, rules, steps
from scripts.pages.grafana import dashboard
from tests.unit.docs.markdown import ROOT

from foreroute.cli.exits import ExitCode
from foreroute.core.attempt import PickReason
from foreroute.core.failure import FailureClass
from foreroute.gateway.wire import errors as wire
from foreroute.heal.playbooks.steps import NAMES
from foreroute.monitor.export import AttemptCounters
from foreroute.settings.describe import sections

EXPORTED = metrics.exported()


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


# Settings, metrics, errors, headers, steps ---------------------------------------------------------------------------


def test_every_setting_is_on_its_page() -> None:
    text = page("configuration.md")
    missing = {key for model in sections() for key in model.model_fields if f"| `{key}` |" not in text}
    assert missing == set()


def test_every_metric_is_on_its_page() -> None:
    assert len(EXPORTED) >= 15
    for name, one in EXPORTED.items():
        assert f"| `{name}` |" in page("reference/metrics.md")
        assert one.help, name
    for name in metrics.otel_names():
        assert f"`{name}`" in page("reference/metrics.md")
        assert f"`{name}`" in page("observability.md")
    assert len(metrics.otel_names()) == 4


def test_what_is_exported_is_what_the_source_was_read_for() -> None:
    families = re.findall(r"# TYPE (\S+) (\S+)", AttemptCounters().render().decode())
    assert {(name, kind) for name, kind in families} <= {(one.name, one.kind) for one in EXPORTED.values()}


def test_every_error_code_is_on_both_pages() -> None:
    codes = {str(answer.code) for name, answer in errors.answers() if name != "interrupted"}
    for code in codes:
        assert f"| `{code}` |" in page("reference/errors.md")
        assert f"| `{code}` |" in page("gateway.md"), code
    for kind in FailureClass:
        assert f"| `{kind.value}` |" in page("reference/errors.md")
    for exit_code in ExitCode:
        assert f"| `{int(exit_code)}` |" in page("reference/errors.md")


def test_an_error_that_nobody_explains_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def teapot() -> wire.ErrorAnswer:
        return wire.ErrorAnswer(status=418, message="short and stout", code="teapot")

    teapot.__module__ = wire.__name__
    monkeypatch.setattr(wire, "teapot", teapot, raising=False)
    with pytest.raises(KeyError, match="teapot"):
        errors.errors_page()


def test_every_header_is_on_its_page() -> None:
    assert headers.unexplained() == set()
    assert {"x-foreroute-channel", "x-should-retry", "x-foreroute-user"} <= headers.named_in_code()
    text = page("reference/headers.md")
    assert all(f"| `{name}` |" in text for name in (*headers.ANSWER, *headers.REQUEST))
    assert all(f"| `{reason.value}` |" in page("gateway.md") for reason in PickReason)


def test_every_step_and_trigger_of_a_playbook_is_on_its_page() -> None:
    assert set(steps.steps()) == set(NAMES.values()) == set(steps.DOES)
    assert set(steps.triggers()) == set(steps.TRIGGERS)
    text = page("reference/playbooks.md")
    assert all(f"### `{word}`" in text for word in (*steps.DOES, *steps.TRIGGERS))


# Exports ---------------------------------------------------------------------------------------------------------------


def unknown(query: str, recorded: set[str]) -> list[str]:
    """What a query names that is not exported: metrics, and labels that its metric does not have."""
    wrong = []
    for name, matchers in re.findall(r"(foreroute[\w:]+)(?:\{([^}]*)\})?", query):
        if name in recorded:
            continue
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        one = EXPORTED.get(name) or EXPORTED.get(family)
        if one is None or (one.kind == "histogram") is (name in EXPORTED):
            wrong.append(name)
            continue
        labels = set(re.findall(r"(\w+)\s*[=!]", matchers))
        wrong += [f"{name}.{label}" for label in labels - {*one.labels, "le"}]
    return wrong


def test_every_query_of_the_dashboard_names_what_is_exported() -> None:
    made = json.loads(dashboard())
    assert [one["type"] for one in made["templating"]["list"]] == ["datasource", "query", "query"]
    queries = [target["expr"] for panel in made["panels"] for target in panel["targets"]]
    assert len(queries) >= 10
    assert [wrong for query in queries for wrong in unknown(query, set())] == []
    for panel in made["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            known = {label for one in EXPORTED.values() for label in one.labels} | {"instance"}
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known
    used = {one for one in EXPORTED if any(one in query for query in queries)}
    assert {"foreroute_share_ratio", "foreroute_attempts_total", "foreroute_tokens_total"} <= used


def test_every_alert_rule_names_what_is_exported() -> None:
    groups: list[dict[str, Any]] = yaml.safe_load(rules.rules())["groups"]
    every = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["record"] for rule in every if "record" in rule}
    assert [wrong for rule in every for wrong in unknown(rule["expr"], recorded)] == []
    burns = [rule for rule in every if rule.get("alert", "").startswith("ForerouteBudgetBurns")]
    assert len(burns) == len(rules.BURNS)
    for rule in burns:
        assert len(set(re.findall(r"ratio_rate(\w+)", rule["expr"]))) == 2, "a long window and a short one"
        assert set(re.findall(r"foreroute:\w+:\w+", rule["expr"])) <= recorded


def test_a_query_that_names_nothing_is_found() -> None:
    assert unknown("rate(foreroute_nonsense_total[5m])", set()) == ["foreroute_nonsense_total"]
    assert unknown('foreroute_in_flight{route="a"}', set()) == ["foreroute_in_flight.route"]
    assert unknown("foreroute_attempt_duration_seconds", set()) == ["foreroute_attempt_duration_seconds"]


def test_the_admin_api_is_described_route_by_route() -> None:
    assert openapi.undescribed() == set()
    found = openapi.routes_in_code()
    assert {("GET", "/api/status"), ("PATCH", "/api/keys/{id}"), ("POST", "/api/reload")} <= found
    made = json.loads(openapi.openapi())
    ids = [one["operationId"] for path in made["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids)) == len(found)

"""What `deploy/` holds: linted, rendered by Helm's own engine, validated against Kubernetes' schemas. Nothing is run."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import deploy_tools

from foreroute.settings import parse_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ENVIRONMENT = dict.fromkeys(
    ("FOREROUTE_KEY", "FOREROUTE_ADMIN_KEY", "FOREROUTE_AUDIT_KEY", "OPENAI_API_KEY"), "a-secret-of-the-test"
)
tools = pytest.mark.service("deploy")


def run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# The image -----------------------------------------------------------------------------------------------------------


@tools
def test_the_dockerfile_is_linted() -> None:
    run(str(deploy_tools() / "bin" / "hadolint"), str(DEPLOY / "Dockerfile"))


def test_the_image_is_small_in_rights() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    last = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "--require-hashes" in text
    assert ":latest" not in text
    assert re.search(r"^ARG BASE=python:3\.\d+\.\d+-slim-\w+$", text, re.MULTILINE)
    assert not re.search(r"COPY .*(\.env|secret|\.git\b)", text)


def test_nothing_but_sources_goes_into_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    for one in lines[1:-1]:
        assert (ROOT / one.removeprefix("!")).exists(), one


# Compose -------------------------------------------------------------------------------------------------------------


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    return found


@tools
def test_the_compose_file_is_valid() -> None:
    run(
        str(deploy_tools() / "bin" / "check-jsonschema"),
        "--builtin-schema",
        "vendor.compose-spec",
        str(DEPLOY / "compose" / "compose.yaml"),
    )


def test_every_service_is_bounded_and_pinned_and_the_admin_plane_is_not_published() -> None:
    services = compose()["services"]
    assert set(services) == {"foreroute", "influxdb", "redis", "postgres", "grafana"}
    for name, one in services.items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert re.fullmatch(r"[a-z/]+:\d+\.\d+(\.\d+)?(-alpine)?", one["image"]), name
        for port in one.get("ports", []):
            assert port == "8080:8080" or port.startswith("127.0.0.1:"), (name, port)
    for name in ("influxdb", "redis", "postgres"):
        assert "healthcheck" in services[name]
        assert services[name]["networks"] == ["back"]
    assert compose()["networks"]["back"]["internal"] is True


def test_no_secret_stands_in_the_files() -> None:
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|KEY", name):
                assert str(value).startswith("${"), name


def test_the_composed_configuration_is_accepted() -> None:
    raw = (DEPLOY / "compose" / "foreroute.yaml").read_bytes()
    settings = parse_settings(raw, name="compose", environment=ENVIRONMENT)
    assert settings.dashboard.admin_key is not None


def test_what_is_mounted_is_there() -> None:
    folder = DEPLOY / "compose"
    for service in compose()["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (folder / source).exists(), source
    assert yaml.safe_load((DEPLOY / "grafana" / "datasources.yaml").read_text())["datasources"]


# Helm ----------------------------------------------------------------------------------------------------------------

SHARED = {"config": {"shared": {"redis": {"url_file": "/etc/foreroute/redis"}}}}


def render(**values: Any) -> dict[str, Any]:
    python = str(deploy_tools() / "bin" / "python")
    chart = str(DEPLOY / "helm" / "foreroute")
    found: dict[str, Any] = json.loads(
        run(python, str(Path(__file__).with_name("render.py")), chart, json.dumps(values))
    )
    return found


def manifests(**values: Any) -> dict[str, dict[str, Any]]:
    found = render(**values)
    assert found.get("problems") == [], found
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in found["manifests"]}


@tools
def test_the_chart_renders_by_itself() -> None:
    made = manifests()
    assert set(made) == {
        "ConfigMap/demo-foreroute",
        "NetworkPolicy/demo-foreroute",
        "Service/demo-foreroute",
        "Service/demo-foreroute-admin",
        "Service/demo-foreroute-pods",
        "ServiceAccount/demo-foreroute",
        "StatefulSet/demo-foreroute",
    }
    pod = made["StatefulSet/demo-foreroute"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/liveness"
    assert container["envFrom"] == [{"secretRef": {"name": "foreroute"}}]
    assert made["Service/demo-foreroute-admin"]["spec"]["type"] == "ClusterIP"
    raw = made["ConfigMap/demo-foreroute"]["data"]["foreroute.yaml"].encode()
    parse_settings(raw, name="chart", environment=ENVIRONMENT)


@tools
def test_the_network_is_closed_but_for_what_is_needed() -> None:
    policy = manifests()["NetworkPolicy/demo-foreroute"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(port["port"] != "dashboard" for rule in policy["ingress"] for port in rule["ports"])
    public = policy["egress"][1]["to"][0]["ipBlock"]
    assert {"169.254.0.0/16", "10.0.0.0/8"} <= set(public["except"])
    admins = [{"podSelector": {"matchLabels": {"role": "ops"}}}]
    opened = manifests(networkPolicy={"admins": admins})["NetworkPolicy/demo-foreroute"]["spec"]
    assert {"from": admins, "ports": [{"protocol": "TCP", "port": "dashboard"}]} in opened["ingress"]


@tools
def test_many_replicas_scale_on_the_forecast_and_are_not_evicted_together() -> None:
    made = manifests(autoscaling={"enabled": True}, serviceMonitor={"enabled": True}, replicas=2, **SHARED)
    scaler = made["HorizontalPodAutoscaler/demo-foreroute"]["spec"]
    (metric,) = scaler["metrics"]
    assert metric["external"]["metric"]["name"] == "foreroute_forecast_attempts_per_minute"
    assert scaler["minReplicas"] == 2
    assert "replicas" not in made["StatefulSet/demo-foreroute"]["spec"]
    assert made["PodDisruptionBudget/demo-foreroute"]["spec"]["minAvailable"] == 1
    assert made["ServiceMonitor/demo-foreroute"]["spec"]["endpoints"][0]["path"] == "/metrics"


@tools
def test_tls_is_mounted_and_probed() -> None:
    tls = {"certificate": "/etc/foreroute-tls/tls.crt", "key": "/etc/foreroute-tls/tls.key"}
    made = manifests(tls={"secretName": "cert"}, config={"gateway": {"tls": tls}})
    (container,) = made["StatefulSet/demo-foreroute"]["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert any(one["mountPath"] == "/etc/foreroute-tls" for one in container["volumeMounts"])


@tools
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicas": 2}, "need limits that they share"),
        ({"autoscaling": {"enabled": True}}, "needs limits that replicas share"),
        ({"replicas": 0}, "replicas"),
        ({"replica": 2}, "replica"),
        ({"image": {"digest": "sha256:short"}}, "digest"),
    ],
)
def test_values_that_make_no_sense_are_refused(values: dict[str, Any], said: str) -> None:
    assert said in render(**values)["refused"]


@tools
def test_a_digest_wins_over_a_tag() -> None:
    digest = f"sha256:{'a' * 64}"
    made = manifests(image={"digest": digest})
    (container,) = made["StatefulSet/demo-foreroute"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"foreroute@{digest}"


# systemd -------------------------------------------------------------------------------------------------------------

UNIT = DEPLOY / "systemd" / "foreroute.service"
analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@analyze
def test_the_unit_is_understood(tmp_path: Path) -> None:
    """With a program in place of ours: it need not be installed here."""
    unit = tmp_path / "foreroute.service"
    unit.write_text(UNIT.read_text().replace("/opt/foreroute/bin/foreroute", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], check=False, capture_output=True, text=True
    )
    assert not [line for line in done.stderr.splitlines() if "foreroute.service" in line], done.stderr


@analyze
def test_the_unit_is_sandboxed() -> None:
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT))
    found = re.search(r"exposure level for foreroute\.service: ([\d.]+)", done)
    assert found is not None
    assert float(found[1]) <= 2.0

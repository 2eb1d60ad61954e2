"""The imported configuration as a file that its owner would like to read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import yaml

from foreroute.settings.litellm_channels import ChannelDraft
from foreroute.settings.litellm_rest import RestDraft
from foreroute.settings.litellm_routes import RouteDraft
from foreroute.settings.units import write_seconds

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*|\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_OPEN_MAX_S: Final = 120.0


def write_configuration(
    name: str,
    channels: Sequence[ChannelDraft],
    routes: Sequence[RouteDraft],
    rest: RestDraft,
    variables: Sequence[str],
) -> str:
    """`variables`: what must be in the environment."""
    parts = [_head(name, variables), _gateway(rest), _log(rest), _limits(rest)]
    parts += [["channels:"], *(_channel(channel, rest) for channel in channels)]
    parts += [["routes:"], *(_route(route) for route in routes)]
    if rest.budget_usd is not None:
        parts.append(["budgets:", f"  - {{name: monthly, limit_usd: {rest.budget_usd}, time_zone: UTC}}"])
    return "\n".join(_spaced(part for part in parts if part)) + "\n"


def _spaced(parts: Iterator[list[str]]) -> Iterator[str]:
    before = ""
    for part in parts:
        if before and not (before.endswith(":") and not before.startswith(" ")):
            yield ""
        yield from part
        before = part[-1]


def _head(name: str, variables: Sequence[str]) -> list[str]:
    lines = [f"# Made of the LiteLLM configuration {_line(name)} by `foreroute import litellm`."]
    lines += ["# Every setting, its default and its meaning: docs/configuration.md"]
    if variables:
        lines += ["# It takes from the environment:", *(f"#   {variable}" for variable in variables)]
    return lines


def _gateway(rest: RestDraft) -> list[str]:
    lines = [
        "gateway:",
        "  port: 8080               # LiteLLM's is 4000: take it to spare your clients the change",
    ]
    if rest.key is not None:
        lines.append(f'  api_keys: ["${{{rest.key}}}"]')
        lines += ["", "dashboard:", f"  admin_key: ${{{rest.key}}}"]
    return [*lines, "", "autopilot: observe         # observe | suggest | act"]


def _log(rest: RestDraft) -> list[str]:
    found = {"level": rest.log_level, "format": rest.log_format}
    return _flow_section("log", {key: value for key, value in found.items() if value is not None})


def _limits(rest: RestDraft) -> list[str]:
    lines = []
    if rest.total_s is not None:
        lines += _flow_section("timeouts", {"total": write_seconds(rest.total_s)})
    breaker: dict[str, Any] = {}
    if rest.failures_max is not None:
        breaker["consecutive_failures_max"] = rest.failures_max
    if rest.open_s is not None:
        breaker |= {
            "open": write_seconds(rest.open_s),
            "open_max": write_seconds(max(rest.open_s, _OPEN_MAX_S)),
        }
    return lines + _flow_section("breaker", breaker)


def _channel(channel: ChannelDraft, rest: RestDraft) -> list[str]:
    lines = [
        f"  - id: {_scalar(channel.id)}",
        f"    provider: {_scalar(channel.provider)}",
        f"    region: {_scalar(channel.region)}"
        + "           # where it runs" * (channel.region == "global"),
        f"    model: {_scalar(channel.model)}",
        f"    base_url: {_scalar(channel.base_url)}",
    ]
    if channel.dialect != "openai":
        lines.append(f"    dialect: {channel.dialect}")
    if channel.key is not None:
        lines.append(f"    api_key: ${{{channel.key}}}")
    if channel.limits:
        lines.append(f"    limits: {_flow(channel.limits)}")
    if channel.price:
        lines.append(f"    price: {_flow(channel.price)}")
    times = {"first_chunk": channel.first_chunk_s, "total": channel.total_s}
    if any(times.values()):
        # A channel's own time limits replace all of the common ones.
        times["total"] = channel.total_s or rest.total_s
        lines.append(f"    timeouts: {_flow({key: write_seconds(s) for key, s in times.items() if s})}")
    return lines


def _route(route: RouteDraft) -> list[str]:
    lines = [f"  - model: {_scalar(route.model)}" + f"   # {_line(route.comment)}" * bool(route.comment)]
    lines.append(
        "    # objective: {metric: first_chunk_p95, limit: 2s}   with one, forecasts move its traffic"
    )
    if route.attempts_max is not None:
        lines.append(f"    attempts_max: {route.attempts_max}")
    if route.fallbacks:
        lines.append(f"    fallbacks: [{', '.join(_quoted(name) for name in route.fallbacks)}]")
    lines.append("    targets:")
    for channel, weight, priority in route.targets:
        fields: dict[str, Any] = {"channel": channel, "weight": weight}
        lines.append(f"      - {_flow(fields | ({'priority': priority} if priority else {}))}")
    return lines


def _flow_section(name: str, fields: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {_flow(fields)}"] if fields else []


def _flow(fields: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {_value(value)}" for key, value in fields.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, Decimal):
        return f'"{value.normalize():f}"'
    if isinstance(value, float):
        # YAML 1.1 knows no exponent without a point and a sign.
        return f"{value:.0f}" if value == int(value) else f"{Decimal(repr(value)):f}"
    return str(value) if isinstance(value, int) else _in_flow(value)


def _in_flow(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text) and _is_itself(text) else _quoted(text)


def _scalar(text: str) -> str:
    is_plain = _PLAIN.fullmatch(text) is not None or text.startswith(("http://", "https://"))
    return text if is_plain and _is_itself(text) else _quoted(text)


def _is_itself(text: str) -> bool:
    try:
        return bool(yaml.safe_load(text) == text)
    except (yaml.YAMLError, ValueError):
        return False


def _quoted(text: str) -> str:
    return str(yaml.safe_dump(text, default_style='"', width=float("inf"), allow_unicode=True)).strip()


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)

"""The text of a first configuration: commented for somebody who has never seen one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from foreroute.cli.init_found import Found

SCHEMA_FILE: Final = "foreroute.schema.json"
_OTHERS_SHOWN: Final = 5
_ROUTES: Final = {"openai": "chat", "anthropic": "messages"}

_HEAD: Final = """\
# yaml-language-server: $schema={schema}
#
# A first configuration, made by `foreroute init`. It holds no secret: ${{NAME}} is read from the environment.
#   foreroute check {name}      what it comes to, offline
#   foreroute doctor {name}     what would keep it from working
#   foreroute serve -c {name}   serve; a change of this file is applied while it runs
# Every setting, its default and its meaning: docs/configuration.md

gateway:
  port: 8080               # clients: base_url="http://127.0.0.1:8080/v1"

dashboard:
  port: 8081               # http://127.0.0.1:8081

# observe: record what would be done and grade it. It earns suggest and act: docs/rollout.md
autopilot: observe

# One way of getting a model's answer each. `model` is what the provider calls it.
channels:
"""
_ROUTE_HEAD: Final = """
# What clients ask for by `model`. Put together only channels that may stand in for each other.
routes:
"""
_TAIL: Final = """
# What all channels together may cost. limit_usd warns, hard_limit_usd refuses: docs/cost.md
# budgets:
#   - {name: monthly, limit_usd: 100, time_zone: UTC}
"""


def written(found: Sequence[Found], *, name: str, schema: str = f"./{SCHEMA_FILE}") -> str:
    """YAML that `foreroute check` accepts. `found` must not be empty."""
    head = _HEAD.format(name=name, schema=schema)
    return head + "".join(_channels(found)) + _ROUTE_HEAD + "".join(_routes(found)) + _TAIL


def routes_of(found: Sequence[Found]) -> Mapping[str, list[str]]:
    """A route for each dialect: a channel is asked only by clients that speak its own."""
    routes: dict[str, list[str]] = {}
    for one in found:
        routes.setdefault(_ROUTES[one.dialect], []).append(one.id)
    return routes


def _channels(found: Sequence[Found]) -> Iterator[str]:
    for place, one in enumerate(found):
        yield "\n" if place else ""
        yield f"  - id: {one.id}\n    provider: {one.provider}\n    region: {one.region}\n"
        yield f'    model: "{_plain(one.model)}"{_besides(one)}\n    base_url: {one.base_url}\n'
        if one.dialect != "openai":
            yield f"    dialect: {one.dialect}\n"
        if one.key:
            yield f"    api_key: ${{{one.key}}}\n"
        else:
            yield "    # A machine of your own costs no tokens; usd_per_hour: … says what it does cost.\n"
            yield "    price: {input_usd_per_mtok: 0, output_usd_per_mtok: 0}\n"


def _besides(one: Found) -> str:
    if not one.others:
        return ""
    more = ", …" if len(one.others) > _OTHERS_SHOWN else ""
    return f"   # there are also: {_plain(', '.join(one.others[:_OTHERS_SHOWN]))}{more}"


def _plain(text: str) -> str:
    """What a server says of itself can end neither the quotes nor the line."""
    return "".join(sign for sign in text if sign.isprintable() and sign not in '"\\')


def _routes(found: Sequence[Found]) -> Iterator[str]:
    for route, channels in routes_of(found).items():
        yield f"  - model: {route}\n"
        yield "    # What users may expect. Forecasts move traffic before it is missed.\n"
        yield "    objective: {metric: first_chunk_p95, limit: 2s}\n    targets:\n"
        yield from (f"      - {{channel: {channel}, weight: 1}}\n" for channel in channels)

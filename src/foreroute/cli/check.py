"""`foreroute check`: what a configuration comes to, and what in it may surprise its owner. Calls nobody."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from foreroute.app.alerts import senders_of
from foreroute.app.cost_reports import planned_reports
from foreroute.app.playbooks import playbooks_of
from foreroute.app.prices import price_book
from foreroute.cli.say import console, table, text
from foreroute.clock import SystemClock
from foreroute.core.attempt import Usage
from foreroute.core.decision import Autopilot
from foreroute.core.ids import ChannelId
from foreroute.detect.registry import detectors
from foreroute.forecast.registry import forecasters
from foreroute.settings import Settings
from foreroute.settings.budgets import scoped_budgets
from foreroute.settings.convert import channels_of
from foreroute.settings.cross import is_loopback
from foreroute.settings.model import RouteSettings
from foreroute.settings.units import write_seconds

_ONE_OF_EACH: Final = Usage(input_tokens=1, output_tokens=1)
_PRICE_WORDS: Final = {"config": "this file", "genai-prices": "list price", "unpriced": "unknown"}


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that works, but perhaps not as meant."""

    where: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    file: str
    settings: Settings
    playbooks: int
    prices: dict[ChannelId, str]
    """Where each channel's price comes from."""
    warnings: tuple[Warned, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "ok": True,
            "autopilot": self.settings.autopilot.value,
            "channels": [
                {
                    "id": channel.id,
                    "provider": channel.provider,
                    "region": channel.region,
                    "model": channel.model,
                    "key_set": channel.api_key is not None,
                    "price_source": self.prices[ChannelId(channel.id)],
                }
                for channel in self.settings.channels
            ],
            "routes": [_route_row(route) for route in self.settings.routes],
            "budgets": [budget.model_dump(mode="json") for budget in self.settings.budgets],
            "playbooks": self.playbooks,
            "warnings": [asdict(one) for one in self.warnings],
        }


def examine(settings: Settings, file: str) -> Examined:
    """Raises ConfigError for playbooks and receivers that are wrong and for models or detectors that do not exist."""
    forecasters(settings.forecast.models)
    detectors(settings.detect.detectors)
    senders_of(settings)
    planned_reports(settings)
    prices = _price_sources(settings)
    return Examined(
        file=file,
        settings=settings,
        playbooks=len(playbooks_of(settings)),
        prices=prices,
        warnings=tuple(_warnings(settings, prices)),
    )


def show(found: Examined) -> None:
    out = console()
    settings = found.settings
    channels = table("channel", "provider", "region", "model", "key", "price")
    for channel in settings.channels:
        price = found.prices[ChannelId(channel.id)]
        channels.add_row(
            text(channel.id, "bold"),
            text(channel.provider),
            text(channel.region),
            text(channel.model),
            "set" if channel.api_key is not None else "none",
            text(_PRICE_WORDS.get(price, price), "yellow" if price == "unpriced" else ""),
        )
    out.print(channels)
    out.print()
    for route in settings.routes:
        out.print(text(f"route {route.model}", "bold"), text(_describe(route)))
    for budget in scoped_budgets(settings):
        hard = (
            ""
            if budget.hard_limit_usd is None
            else f", at ${budget.hard_limit_usd} at most ({budget.at_limit})"
        )
        out.print(
            text(f"budget {budget.name}", "bold"),
            text(f"{budget.whose}: ${budget.aim_usd} a {budget.window}{hard}, {budget.time_zone} time"),
        )
    out.print(
        text("autopilot", "bold"), text(settings.autopilot.value), text(f"   {found.playbooks} playbooks")
    )
    out.print()
    for one in found.warnings:
        out.print(text("warning", "yellow"), text(f"{one.where}: {one.message}"))
        out.print(text(f"  {one.hint}", "dim"))
    count = f"{len(found.warnings)} warning{'s' * (len(found.warnings) != 1)}"
    out.print(text(f"{found.file} is valid; {count if found.warnings else 'nothing to warn about'}", "bold"))


def _route_row(route: RouteSettings) -> dict[str, Any]:
    objective = route.objective
    return {
        "model": route.model,
        "objective": None
        if objective is None
        else {"metric": objective.metric.value, "limit_s": objective.limit},
        "targets": [target.model_dump(mode="json") for target in route.targets],
    }


def _describe(route: RouteSettings) -> str:
    shares = ", ".join(
        f"{target.channel} ×{target.weight:g}" + (f" (priority {target.priority})" if target.priority else "")
        for target in route.targets
    )
    if route.objective is None:
        return f"{shares}; no objective"
    return f"{shares}; {route.objective.metric} under {write_seconds(route.objective.limit)}"


def _price_sources(settings: Settings) -> dict[ChannelId, str]:
    book, at = price_book(settings), SystemClock().now()
    return {channel.id: book.cost_usd(channel, _ONE_OF_EACH, at).source for channel in channels_of(settings)}


def _warnings(settings: Settings, prices: dict[ChannelId, str]) -> Iterator[Warned]:
    used = {target.channel for route in settings.routes for target in route.targets}
    for channel in settings.channels:
        place = f"channel {channel.id}"
        if channel.id not in used:
            yield Warned(place, "no route uses it", "add it to the targets of a route, or remove it")
        if prices[ChannelId(channel.id)] == "unpriced":
            hint = "give it a price: {input_usd_per_mtok: …, output_usd_per_mtok: …}"
            yield Warned(place, "its price is not known: its spend counts in no budget", hint)
        yield from _door(
            place, channel.base_url, has_key=channel.api_key is not None or channel.account is not None
        )
    for route in settings.routes:
        place = f"route {route.model}"
        if len(route.targets) == 1:
            yield Warned(place, "has a single channel: nothing to fail over to", "give it a second target")
        if route.objective is None:
            hint = "give it an objective: {metric: first_chunk_p95, limit: 900ms}"
            yield Warned(place, "has no objective: no forecast moves its traffic", hint)
    if settings.autopilot is Autopilot.ACT and not any(route.objective for route in settings.routes):
        yield Warned(
            "autopilot", "act, but no route has an objective to act for", "give a route an objective"
        )
    yield from _receivers(settings)


def _receivers(settings: Settings) -> Iterator[Warned]:
    section = settings.alerts
    told = {name for route in section.routes for name in route.receivers}
    for receiver in section.receivers:
        if section.routes and receiver.name not in told:
            hint = "name it in alerts.routes, or take it out"
            yield Warned(f"receiver {receiver.name}", "no route sends it anything", hint)
        url = receiver.webhook_url.get_secret_value() if receiver.webhook_url is not None else ""
        if url.startswith("http://") and not is_loopback(urlsplit(url).hostname or ""):
            yield Warned(
                f"receiver {receiver.name}", "its messages travel unencrypted over http", "use https"
            )


def _door(place: str, url: str, *, has_key: bool) -> Iterator[Warned]:
    parts = urlsplit(url)
    is_near = is_loopback(parts.hostname or "")
    if not has_key and not is_near:
        yield Warned(place, "is elsewhere and has no key", "set api_key: ${NAME}, unless it asks for none")
    if has_key and not is_near and parts.scheme == "http":
        yield Warned(place, "its key travels unencrypted over http", "use https")

"""`foreroute check`: what a configuration comes to, and what in it may surprise its owner. Calls nobody."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from foreroute.app.alerts import senders_of
from foreroute.app.cost_reports import planned_reports
from foreroute.app.playbooks import playbooks_of
from foreroute.app.prices import price_book
from foreroute.cli.language import known, say
from foreroute.cli.say import console, table, text
from foreroute.clock import SystemClock
from foreroute.core.attempt import Usage
from foreroute.core.budgets import ScopedBudget
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

if TYPE_CHECKING:
    from rich.table import Table

_ONE_OF_EACH: Final = Usage(input_tokens=1, output_tokens=1)


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
    out.print(_channels(found))
    out.print()
    for route in settings.routes:
        out.print(text(say("check.route", name=route.model), "bold"), text(_describe(route)))
    for budget in scoped_budgets(settings):
        out.print(text(say("check.budget", name=budget.name), "bold"), text(_amount(budget)))
    playbooks = say("check.playbooks", count=found.playbooks)
    out.print(text(say("check.autopilot"), "bold"), text(settings.autopilot.value), text(f"   {playbooks}"))
    out.print()
    for one in found.warnings:
        out.print(text(say("check.warning"), "yellow"), text(f"{one.where}: {one.message}"))
        out.print(text(f"  {one.hint}", "dim"))
    out.print(text(say("check.valid", file=found.file, warnings=_count(len(found.warnings))), "bold"))


def _channels(found: Examined) -> "Table":
    made = table(*say("check.columns").split("|"))
    for channel in found.settings.channels:
        price = found.prices[ChannelId(channel.id)]
        made.add_row(
            text(channel.id, "bold"),
            text(channel.provider),
            text(channel.region),
            text(channel.model),
            say("check.set" if channel.api_key is not None else "check.none"),
            text(_price_word(price), "yellow" if price == "unpriced" else ""),
        )
    return made


def _amount(budget: ScopedBudget) -> str:
    hard = ""
    if budget.hard_limit_usd is not None:
        hard = say("check.hard", amount=budget.hard_limit_usd, at_limit=budget.at_limit)
    window = say(f"window.{budget.window.value}")
    return say(
        "check.amount",
        whose=budget.whose,
        amount=budget.aim_usd,
        window=window,
        hard=hard,
        zone=budget.time_zone,
    )


def _count(warnings: int) -> str:
    match warnings:
        case 0:
            return say("check.nothing")
        case 1:
            return say("check.one_warning")
        case _:
            return say("check.warnings", count=warnings)


def _price_word(price: str) -> str:
    return say(f"check.price.{price}") if known(f"check.price.{price}") else price


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
        f"{target.channel} ×{target.weight:g}"
        + (f" {say('check.priority', number=target.priority)}" if target.priority else "")
        for target in route.targets
    )
    if route.objective is None:
        return f"{shares}; {say('check.no_objective')}"
    limit = write_seconds(route.objective.limit)
    return f"{shares}; {say('check.objective', metric=route.objective.metric, limit=limit)}"


def _price_sources(settings: Settings) -> dict[ChannelId, str]:
    book, at = price_book(settings), SystemClock().now()
    return {channel.id: book.cost_usd(channel, _ONE_OF_EACH, at).source for channel in channels_of(settings)}


def _warned(where: str, code: str) -> Warned:
    return Warned(where, say(f"check.{code}"), say(f"check.{code}.hint"))


def _warnings(settings: Settings, prices: dict[ChannelId, str]) -> Iterator[Warned]:
    used = {target.channel for route in settings.routes for target in route.targets}
    for channel in settings.channels:
        place = f"channel {channel.id}"
        if channel.id not in used:
            yield _warned(place, "unused")
        if prices[ChannelId(channel.id)] == "unpriced":
            yield _warned(place, "unpriced")
        yield from _door(
            place, channel.base_url, has_key=channel.api_key is not None or channel.account is not None
        )
    for route in settings.routes:
        place = f"route {route.model}"
        if len(route.targets) == 1:
            yield _warned(place, "single")
        if route.objective is None:
            yield _warned(place, "aimless")
    if settings.autopilot is Autopilot.ACT and not any(route.objective for route in settings.routes):
        yield _warned("autopilot", "idle_act")
    yield from _receivers(settings)


def _receivers(settings: Settings) -> Iterator[Warned]:
    section = settings.alerts
    told = {name for route in section.routes for name in route.receivers}
    for receiver in section.receivers:
        place = f"receiver {receiver.name}"
        if section.routes and receiver.name not in told:
            yield _warned(place, "untold")
        url = receiver.webhook_url.get_secret_value() if receiver.webhook_url is not None else ""
        if url.startswith("http://") and not is_loopback(urlsplit(url).hostname or ""):
            yield _warned(place, "plain_message")


def _door(place: str, url: str, *, has_key: bool) -> Iterator[Warned]:
    parts = urlsplit(url)
    is_near = is_loopback(parts.hostname or "")
    if not has_key and not is_near:
        yield _warned(place, "keyless")
    if has_key and not is_near and parts.scheme == "http":
        yield _warned(place, "plain_key")

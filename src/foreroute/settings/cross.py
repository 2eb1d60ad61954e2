"""What no single key can say: names that must exist, be unique, and fit together."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from foreroute.core.channel import Dialect
from foreroute.gateway.any_llm_library import CLOUD_CREDENTIALS, adapter_names
from foreroute.settings.accounts import account_problems, doubled_accounts
from foreroute.settings.budgets import budget_problems
from foreroute.settings.cross_alerts import alert_problems, is_http
from foreroute.settings.cross_experiments import experiment_problems
from foreroute.settings.cross_regions import region_problems
from foreroute.settings.document import Path, Problem
from foreroute.settings.hints import did_you_mean
from foreroute.settings.model import RouteSettings, Settings
from foreroute.settings.units import write_seconds


def cross_problems(settings: Settings) -> list[Problem]:
    return [
        *_twice("channels", "id", [channel.id for channel in settings.channels]),
        *_twice("routes", "model", [route.model for route in settings.routes]),
        *_twice("regions", "name", [region.name for region in settings.regions]),
        *_twice("budgets", "name", [budget.name for budget in settings.budgets]),
        *_twice("experiments", "id", [one.id for one in settings.experiments]),
        *budget_problems(settings),
        *_hooks(settings),
        *_reports(settings),
        *alert_problems(settings),
        *experiment_problems(settings),
        *region_problems(settings),
        *doubled_accounts(settings),
        *account_problems(settings),
        *_urls(settings),
        *_adapters(settings),
        *_targets(settings),
        *_store(settings),
        *_workers(settings),
        *_fits(settings),
        *_zones(settings),
        *_ages(settings),
        *_open_doors(settings),
        *_forecasts(settings),
        *_optimum(settings),
    ]


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _twice(section: str, key: str, names: list[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in first:
            message = f"{name!r} is taken already by {section}[{first[name]}]"
            yield Problem((section, index, key), message, "give each one a name of its own")
        first.setdefault(name, index)


def _hooks(settings: Settings) -> Iterator[Problem]:
    names = [one.name for one in settings.heal.hooks]
    for index, hook in enumerate(settings.heal.hooks):
        if hook.name in names[:index]:
            path: Path = ("heal", "hooks", index, "name")
            yield Problem(path, f"{hook.name!r} is taken already", "give each one a name of its own")
        for key, secret in (("webhook_url", hook.webhook_url), ("undo_webhook_url", hook.undo_webhook_url)):
            if secret is not None and not is_http(secret.get_secret_value()):
                # The address itself is not shown: it may hold a secret.
                hint = "for example: webhook_url: ${RESTART_URL}, and http://127.0.0.1:9000/restart in the environment"
                yield Problem(("heal", "hooks", index, key), "is not an http or https address", hint)


def _store(settings: Settings) -> Iterator[Problem]:
    store, path = settings.store, ("store", "influxdb")
    server = store.influxdb
    if server is None:
        if store.kind == "influxdb":
            yield Problem(
                path, "kind: influxdb needs a server", "for example: influxdb: {url: http://127.0.0.1:8086}"
            )
        return
    if store.kind == "memory":
        yield Problem(
            path, "a store in memory has no mirror", "set store.kind: sqlite, or leave influxdb out"
        )
    if (fault := _fault_of(server.url, "http://127.0.0.1:8086")) is not None:
        yield Problem((*path, "url"), *fault)


def _urls(settings: Settings) -> Iterator[Problem]:
    for index, channel in enumerate(settings.channels):
        if channel.base_url and (fault := _fault_of(channel.base_url)) is not None:
            yield Problem(("channels", index, "base_url"), *fault)


def _fault_of(url: str, right: str = "https://api.openai.com/v1") -> tuple[str, str] | None:
    """Message and hint. An address that may hold a password is never shown."""
    example = f"for example: {right}"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        return "is not a valid address: its host or port makes no sense", example
    if "@" in parts.netloc or parts.query or parts.fragment:
        return (
            "the address may not hold a user, a query or a fragment",
            "credentials have settings of their own, such as api_key",
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{url!r} is not an http or https address", example
    return None


def _adapters(settings: Settings) -> Iterator[Problem]:
    """The names are known only where the library is installed; without it, the start says what to install."""
    for index, channel in enumerate(settings.channels):
        name = channel.adapter
        if name is None:
            continue
        path: Path = ("channels", index, "adapter")
        if channel.dialect is not Dialect.OPENAI:
            message = f"an adapter translates from the openai dialect only, not from {channel.dialect.value}"
            yield Problem(path, message, "take dialect or adapter away")
        if (known := adapter_names()) and name not in known:
            yield Problem(path, f"there is no adapter {name!r}", did_you_mean(name, known, "adapters"))
        elif channel.api_key is None and name not in CLOUD_CREDENTIALS:
            message = f"{name} needs a key; without one its client would look for any in the environment"
            yield Problem(
                ("channels", index, "api_key"), message, 'for example: api_key: "${GEMINI_API_KEY}"'
            )


def _targets(settings: Settings) -> Iterator[Problem]:
    known = [channel.id for channel in settings.channels]
    for number, route in enumerate(settings.routes):
        if route.prefer == "nearest" and settings.gateway.region is None:
            message = "nearest to what? gateway.region is not set"
            yield Problem(("routes", number, "prefer"), message, "for example: gateway: {region: us-east}")
        seen: set[str] = set()
        for index, target in enumerate(route.targets):
            path: Path = ("routes", number, "targets", index, "channel")
            if target.channel not in known:
                hint = did_you_mean(target.channel, known, "channels")
                yield Problem(path, f"there is no channel {target.channel!r}", hint)
            if target.channel in seen:
                yield Problem(path, f"{target.channel!r} is in this route already", "name each channel once")
            seen.add(target.channel)
        yield from _weights(number, route)
        yield from _fallbacks(number, route, [other.model for other in settings.routes])


def _weights(number: int, route: RouteSettings) -> Iterator[Problem]:
    if not any(target.weight for target in route.targets):
        yield Problem(
            ("routes", number, "targets"),
            "all weights are 0: nothing could serve",
            "give one target weight: 1",
        )


def _fallbacks(number: int, route: RouteSettings, known: list[str]) -> Iterator[Problem]:
    for index, name in enumerate(route.fallbacks):
        path: Path = ("routes", number, "fallbacks", index)
        if name == route.model:
            yield Problem(path, "a route cannot stand in for itself", "name another route")
        elif name not in known:
            yield Problem(path, f"there is no route {name!r}", did_you_mean(name, known, "routes"))


def _workers(settings: Settings) -> Iterator[Problem]:
    if settings.gateway.workers > 1 and settings.store.kind == "memory":
        message = "several processes cannot share a store in memory"
        yield Problem(("gateway", "workers"), message, "set store.kind: sqlite, or gateway.workers: 1")


def _fits(settings: Settings) -> Iterator[Problem]:
    if settings.loop.ray_address is not None and settings.loop.fit_on != "ray":
        message = "there is an address of a Ray cluster, and models are fitted in processes"
        yield Problem(("loop", "ray_address"), message, "set loop.fit_on: ray, or leave the address out")


def _ages(settings: Settings) -> Iterator[Problem]:
    """Each form of a minute is kept at least as long as the one before it."""
    keep, history = settings.store.keep, settings.loop.history
    ages = [("minutes", keep.minutes), ("hours", keep.hours), ("days", keep.days)]
    for (finer, least), (name, age) in zip([("loop.history", history), *ages], ages, strict=False):
        if age < least:
            message = f"{write_seconds(age)} is less than {finer}, {write_seconds(least)}"
            hint = f"keep {name} for {write_seconds(least)} or longer"
            yield Problem(("store", "keep", name), message, hint)


def _zones(settings: Settings) -> Iterator[Problem]:
    named: list[tuple[tuple[str | int, ...], str]] = [(("cost", "time_zone"), settings.cost.time_zone)]
    named += [
        (("budgets", index, "time_zone"), budget.time_zone)
        for index, budget in enumerate(settings.budgets)
        if budget.time_zone is not None
    ]
    named += [
        (("channels", index, "free", "time_zone"), one.free.time_zone)
        for index, one in enumerate(settings.channels)
        if one.free is not None
    ]
    for where, zone in named:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            message = f"there is no time zone {zone!r}"
            yield Problem(where, message, "for example: UTC or Asia/Seoul")


def _reports(settings: Settings) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, one in enumerate(settings.cost.reports):
        if first.setdefault(one.name, index) != index:
            message = f"{one.name!r} is taken already by cost.reports[{first[one.name]}]"
            yield Problem(("cost", "reports", index, "name"), message, "give each one a name of its own")
    if settings.cost.reports and not settings.store.outlasts:
        hint = "set store.kind: sqlite; a store in memory would send them again after each start"
        yield Problem(("cost", "reports"), "need a store that remembers what was sent", hint)


def _open_doors(settings: Settings) -> Iterator[Problem]:
    asks = settings.gateway.api_keys or settings.gateway.require_key
    if not is_loopback(settings.gateway.host) and not asks:
        message = f"{settings.gateway.host} is reachable by others, and no key is asked for"
        yield Problem(
            ("gateway", "host"),
            message,
            'set gateway.api_keys: ["${FOREROUTE_KEY}"] or require_key: true, or keep 127.0.0.1',
        )
    if (
        settings.dashboard.enabled
        and not is_loopback(settings.dashboard.host)
        and not settings.dashboard.admin_key
    ):
        message = f"{settings.dashboard.host} is reachable by others, and no key is asked for"
        hint = 'set dashboard.admin_key: "${FOREROUTE_ADMIN_KEY}", or keep 127.0.0.1'
        yield Problem(("dashboard", "host"), message, hint)


def _forecasts(settings: Settings) -> Iterator[Problem]:
    if settings.loop.horizon not in settings.forecast.horizons:
        wanted = ", ".join(write_seconds(horizon) for horizon in settings.forecast.horizons)
        message = f"{write_seconds(settings.loop.horizon)} is not one of the forecast horizons"
        yield Problem(("loop", "horizon"), message, f"forecast.horizons has {wanted}")


def _optimum(settings: Settings) -> Iterator[Problem]:
    asked = settings.cost.optimum
    if asked.enabled and settings.loop.fit_workers == 0:
        message = "the optimum is found in a fit worker, and there is none"
        yield Problem(("cost", "optimum", "enabled"), message, "set loop.fit_workers: 1, or enabled: false")
    if asked.valid < asked.every:
        message = f"{write_seconds(asked.valid)} is less than every, {write_seconds(asked.every)}"
        hint = f"keep it valid for {write_seconds(2 * asked.every)} or longer"
        yield Problem(("cost", "optimum", "valid"), message, hint)

"""What was learnt and what was bought with the package: forecast models on the disk, and the age of the list prices."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import Final

from foreroute.app.checkup.finding import Finding, Verdict, failed, passed, warned
from foreroute.app.training import model_folder, models_path
from foreroute.core.errors import ForerouteError
from foreroute.forecast.registry import pooled_forecasters
from foreroute.settings.model import Settings

_OLD_DAYS: Final = 120
_BOOK: Final = "genai-prices"


def check_models(settings: Settings) -> Iterator[Finding]:
    """Stored forecast models: whether they are what was stored, and whether each that is named has one."""
    folder = models_path(settings)
    try:
        versions = model_folder(settings).all()
        named = sorted(one.name for one in pooled_forecasters(settings.forecast.models))
    except (ForerouteError, OSError) as error:
        yield failed("models", "models.error", error=error)
        return
    broken = [one for one in versions if one.problem]
    for one in broken:
        yield warned(
            "models",
            "models.broken",
            kind=one.kind,
            number=one.number,
            metric=one.metric,
            problem=one.problem,
        )
    without = [name for name in named if not any(one.kind == name and one.can_serve for one in versions)]
    if without:
        yield warned("models", "models.none_yet", names=", ".join(without))
    elif versions and not broken:
        yield passed("models", "models.good", count=len(versions), folder=folder)
    elif not broken:
        yield passed("models", "models.not_needed")


def check_prices(settings: Settings, at: float) -> Finding:
    """The list prices come with a package; the newest change in it says how old they are at most."""
    today = datetime.fromtimestamp(at, UTC).date()
    newest = _newest_change(today)
    own = sum(1 for channel in settings.channels if channel.price is not None)
    facts: dict[str, object] = {"version": version(_BOOK), "newest": newest or "–", "own": own}
    if newest is None or (today - newest).days > _OLD_DAYS:
        return Finding("prices", Verdict.WARN, "prices.old", facts)
    return Finding("prices", Verdict.PASS, "prices.fresh", facts)


def _newest_change(today: date) -> date | None:
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - 1.6 MB of prices: only when asked

    days = [
        day
        for provider in get_snapshot().providers
        for model in provider.models
        if isinstance(model.prices, list)
        for price in model.prices
        if isinstance(day := getattr(price.constraint, "start_date", None), date) and day <= today
    ]
    return max(days, default=None)

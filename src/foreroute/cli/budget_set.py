"""`foreroute budget set` and `rm`: through the running service, or in its store where none runs."""

import getpass
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException

from foreroute.app.budgets import build_desk
from foreroute.cli.api import AdminApi, UnreachableError
from foreroute.cli.options import URL, config_path
from foreroute.cli.say import CommandError
from foreroute.cli.series_store import on_file
from foreroute.clock import SystemClock
from foreroute.core.fields import BadField
from foreroute.dashboard.answers import Refusal
from foreroute.dashboard.budget_desk import BudgetDesk
from foreroute.dashboard.budgets import budget_row
from foreroute.settings import Settings, load_settings

Row = dict[str, Any]


def put(
    name: str, fields: Row, *, by: str | None, config: Path | None, url: str | None, key: str | None
) -> Row:
    """The budget as it is now, with where it was set as `through`."""
    who = by or _me()
    try:
        answer = AdminApi(address(config, url), key).post("budgets", name=name, by=who, **fields)
        answer["through"] = "the running service"
    except UnreachableError:

        async def work(desk: BudgetDesk) -> Row:
            return budget_row(await desk.set(name, fields, by=who), None, in_force=True)

        answer = _on_store(config, url, work)
    return answer | {"said": _said(answer)}


def remove(name: str, *, by: str | None, config: Path | None, url: str | None, key: str | None) -> Row:
    who = by or _me()
    try:
        answer = AdminApi(address(config, url), key).delete("budgets", name, by=who)
        return answer | {"through": "the running service"}
    except UnreachableError:

        async def work(desk: BudgetDesk) -> Row:
            await desk.remove(name, by=who)
            return {"removed": name}

        return _on_store(config, url, work)


def address(config: Path | None, url: str | None) -> str:
    """Where the service would be asked: what was named, or the dashboard of the configuration."""
    if url is not None:
        return url
    path = config_path(config)
    if not path.exists():
        return URL
    section = load_settings(path).dashboard
    host = f"[{section.host}]" if ":" in section.host else section.host
    return f"http://{host}:{section.port or 1}"


def _on_store(
    config: Path | None, url: str | None, work: Callable[[BudgetDesk], Coroutine[Any, Any, Row]]
) -> Row:
    """Raises CommandError where the store is none that outlives its process, or the desk refuses."""
    if url is not None and config is None and not config_path(None).exists():
        raise UnreachableError(
            "nobody answers", where=url, hint="and there is no configuration to find a store by"
        )
    settings = load_settings(config_path(config))

    async def main(store: Any) -> Row:
        desk = build_desk(settings, store, SystemClock())
        assert desk is not None  # noqa: S101 - the SQLite store keeps budgets
        try:
            return await work(desk)
        except BadField as error:
            raise CommandError(str(error), hint=error.hint) from None
        except HTTPException as error:
            hint = error.hint if isinstance(error, Refusal) else ""
            raise CommandError(error.detail, hint=hint) from None

    return on_file(settings, main, create=True) | {"through": f"the store {_shown(settings)}"}


def _shown(settings: Settings) -> str:
    return str(settings.store.path)


def _said(row: Row) -> str:
    limits = [f"${row['limit_usd']}"] if row["limit_usd"] is not None else []
    if row["hard_limit_usd"] is not None:
        limits.append(f"${row['hard_limit_usd']} at most ({row['at_limit']})")
    whose = row["scope"] if not row["of"] else f"{row['scope']} {row['of']}"
    return f"{whose}, {', '.join(limits)} a {row['window']}, through {row['through']}"


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""

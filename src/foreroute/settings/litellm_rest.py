"""What is not of a model in a LiteLLM configuration: time limits, cooldowns, keys, budgets, logs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from foreroute.settings.document import Path
from foreroute.settings.litellm_notes import Notes
from foreroute.settings.litellm_read import VARIABLE, as_number, number_at

_MONTHS: Final = frozenset({"30d", "1mo", "31d", "monthly"})
_OTEL: Final = frozenset({"otel", "opentelemetry"})
_KEY: Final = "FOREROUTE_KEY"


@dataclass(slots=True)
class RestDraft:
    """Of the result, what is neither channel nor route. None: as by default."""

    key: str | None = None
    """The variable that holds the key of clients and of the dashboard."""
    total_s: float | None = None
    failures_max: int | None = None
    open_s: float | None = None
    budget_usd: str | None = None
    log_level: str | None = None
    log_format: str | None = None


def read_rest(data: Mapping[str, Any], notes: Notes) -> RestDraft:
    """Of a value that stands in two sections, the router's counts."""
    rest = RestDraft()
    router, litellm, general = (
        section if isinstance(section := data.get(key), dict) else {}
        for key in ("router_settings", "litellm_settings", "general_settings")
    )
    for section, path, key in (
        (router, "router_settings", "timeout"),
        (litellm, "litellm_settings", "request_timeout"),
    ):
        seconds = number_at(section, (path, key), notes)
        if seconds is not None and rest.total_s is None:
            rest.total_s = seconds
            notes.mapped((path, key), "timeouts.total")
        elif seconds is not None:
            notes.absent((path, key), "router_settings.timeout counts")
    for section, path in ((router, "router_settings"), (litellm, "litellm_settings")):
        _breaker(section, (path,), rest, notes)
    _budget(litellm, rest, notes)
    _logs(litellm, rest, notes)
    _general(general, rest, notes)
    _variables(data.get("environment_variables"), notes)
    _elsewhere(data, general, notes)
    return rest


def _breaker(section: Mapping[str, Any], path: Path, rest: RestDraft, notes: Notes) -> None:
    fails = number_at(section, (*path, "allowed_fails"), notes, fits=lambda n: 0 <= n < 1e6)
    if fails is not None and rest.failures_max is None:
        rest.failures_max = int(fails) + 1
        notes.mapped(
            (*path, "allowed_fails"),
            f"breaker.consecutive_failures_max: {rest.failures_max} (failures in a row, not in a minute)",
        )
    wait_s = number_at(section, (*path, "cooldown_time"), notes)
    if wait_s is not None and rest.open_s is None:
        rest.open_s = wait_s
        notes.mapped((*path, "cooldown_time"), "breaker.open (then the channel is probed)")


def _budget(section: Mapping[str, Any], rest: RestDraft, notes: Notes) -> None:
    limit, path = section.get("max_budget"), ("litellm_settings", "max_budget")
    if limit is None:
        return
    duration = section.get("budget_duration")
    number = as_number(limit)
    is_monthly = isinstance(duration, str) and duration in _MONTHS
    if number is None or not 0 < number < 1e12 or not is_monthly:
        notes.by_hand(path, "is left out: a budget is an amount for a calendar month, see `budgets`")
        if duration is not None:
            notes.by_hand(("litellm_settings", "budget_duration"), "see max_budget")
        return
    rest.budget_usd = f"{number:.6f}".rstrip("0").rstrip(".")
    notes.mapped(path, "budgets: spend is steered by it; what shall be refused is limited by key")
    notes.mapped(("litellm_settings", "budget_duration"), "a calendar month")


def _logs(section: Mapping[str, Any], rest: RestDraft, notes: Notes) -> None:
    if section.get("json_logs") is True:
        rest.log_format = "json"
        notes.mapped(("litellm_settings", "json_logs"), "log.format: json")
    if section.get("set_verbose") is True:
        rest.log_level = "debug"
        notes.mapped(("litellm_settings", "set_verbose"), "log.level: debug")
    for key in ("callbacks", "success_callback", "failure_callback"):
        names = section.get(key)
        names = names if isinstance(names, list) else [names]
        for index, name in enumerate(names):
            if name == "prometheus":
                notes.mapped(("litellm_settings", key, index), "/metrics, which is always there")
            elif isinstance(name, str) and name in _OTEL:
                notes.by_hand(
                    ("litellm_settings", key, index),
                    "set otel: {enabled: true}, which needs pip install 'foreroute[otel]'",
                )


def _general(section: Mapping[str, Any], rest: RestDraft, notes: Notes) -> None:
    key, path = section.get("master_key"), ("general_settings", "master_key")
    if key is not None:
        found = VARIABLE.fullmatch(key) if isinstance(key, str) else None
        rest.key = found[1] if found else _KEY
        if found:
            notes.mapped(path, f"gateway.api_keys and dashboard.admin_key: ${{{rest.key}}}")
        else:
            notes.by_hand(path, f"a key stands in the file and is not copied: export it as {_KEY}")
    if section.get("database_url") is not None:
        notes.by_hand(
            ("general_settings", "database_url"),
            "keys, teams and spend in that database stay there: make them with `foreroute keys create`; they are "
            "kept in `store`",
        )
    if section.get("store_model_in_db") is not None:
        notes.by_hand(
            ("general_settings", "store_model_in_db"),
            "models that are only in the database are not in this file",
        )


def _variables(section: Any, notes: Notes) -> None:
    for name in section if isinstance(section, dict) else ():
        notes.by_hand(("environment_variables", name), "is not copied: export it before you start")


def _elsewhere(data: Mapping[str, Any], general: Mapping[str, Any], notes: Notes) -> None:
    if data.get("include") is not None:
        notes.by_hand(
            ("include",), "other files are not read: put their models into this one, or import each"
        )
    if general.get("enforce_user_param") is not None:
        notes.absent(("general_settings", "enforce_user_param"), "requests are told apart by their key")

"""How keys and teams look on a terminal."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from foreroute.cli.say import console, table, text

if TYPE_CHECKING:
    from rich.table import Table

_NONE: Final = "–"
_STYLES: Final = {"open": "green", "disabled": "yellow", "expired": "red", "deleted": "dim"}

Row = dict[str, Any]


def show_keys(rows: list[Row]) -> None:
    if not rows:
        console().print("There are no keys yet: foreroute keys create --name NAME")
        return
    made = table("id", "name", "state", "team", "models", "limits", "budgets", ">today", "expires")
    for row in rows:
        state = str(row.get("state"))
        made.add_row(
            text(row.get("id"), "bold"),
            text(row.get("name")),
            text(state, _STYLES.get(state, "")),
            text(row.get("team") or _NONE),
            text(_models(row)),
            text(_rates(row)),
            text(_budgets(row)),
            text(_today(row)),
            text(_day(row.get("expires_at"))),
        )
    console().print(made)


def show_teams(rows: list[Row]) -> None:
    if not rows:
        console().print("There are no teams yet: foreroute teams create --name NAME")
        return
    made = table("id", "name", ">keys", "models", "limits", "budgets", ">today")
    for row in rows:
        made.add_row(
            text(row.get("id"), "bold"),
            text(row.get("name")),
            text(len(row.get("keys", ()))),
            text(_models(row)),
            text(_rates(row)),
            text(_budgets(row)),
            text(_today(row)),
        )
    console().print(made)


def show_one(row: Row) -> None:
    """Everything about a key or a team, a line each."""
    lines = [
        ("id", row.get("id")),
        ("name", row.get("name")),
        ("key", row.get("hint")),
        ("state", row.get("state")),
        ("role", row.get("role")),
        ("team", row.get("team")),
        ("keys", ", ".join(row.get("keys", ()))),
        ("models", _models(row)),
        ("regions", ", ".join(row.get("regions") or ()) or "all"),
        ("limits", _rates(row)),
        ("budgets", _budgets(row)),
        ("spent", ", ".join(f"{window} ${usd}" for window, usd in (row.get("spent_usd") or {}).items())),
        ("tags", ", ".join(row.get("tags", ()))),
        ("created", _day(row.get("created_at"))),
        ("expires", _day(row.get("expires_at")) if row.get("expires_at") is not None else None),
    ]
    made: Table = table("", "")
    made.show_header = False
    for name, value in lines:
        if value:
            made.add_row(text(name, "dim"), text(value))
    console().print(made)


def _models(row: Row) -> str:
    return "\n".join(row.get("models") or ()) or "all"


def _rates(row: Row) -> str:
    limits = row.get("limits") or {}
    names = (
        ("requests_per_minute", "requests/min"),
        ("tokens_per_minute", "tokens/min"),
        ("parallel_max", "at once"),
    )
    parts = [f"{limits[name]} {unit}" for name, unit in names if limits.get(name) is not None]
    return "\n".join(parts) or _NONE


def _budgets(row: Row) -> str:
    """Spent of the limit, the soft ones marked."""
    parts = []
    for one in row.get("budgets", ()):
        soft = "" if one.get("hard") else " (soft)"
        per = "in all" if one.get("window") == "total" else f"a {one.get('window')}"
        parts.append(f"${_usd(one.get('spent_usd'))} of ${_usd(one.get('limit_usd'))} {per}{soft}")
    return "\n".join(parts) or _NONE


def _today(row: Row) -> str:
    return f"${_usd((row.get('spent_usd') or {}).get('day'))}"


def _usd(value: Any) -> str:
    return (
        f"{float(value or 0):,.2f}"
        if float(value or 0) >= 0.01 or not float(value or 0)
        else f"{float(value):.6f}"
    )


def _day(at: float | None) -> str:
    return _NONE if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")

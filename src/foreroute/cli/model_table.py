"""Stored and newly fitted models as tables, and as rows for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from foreroute.app.training import Trained
from foreroute.cli.say import console, table, text
from foreroute.forecast.model_folder import Version

Row = dict[str, Any]
_LEGEND: Final = (
    "Errors are relative to the last value's on the same held-out origins: 1 is no better than that."
)


def trained_row(trained: Trained) -> Row:
    row: Row = {"kind": trained.kind, "metric": trained.metric, "problem": trained.problem or None}
    verdict = trained.verdict
    if verdict is None:
        return row
    return row | {
        "promoted": verdict.is_promoted,
        "version": trained.version,
        "why": verdict.why,
        "held_out": asdict(verdict.held_out),
        "trained_from_at": verdict.trained_from_at,
        "trained_to_at": verdict.trained_to_at,
        "series": list(verdict.series),
    }


def show_trained(rows: Sequence[Row]) -> None:
    out = console()
    made = table("model", "metric", ">channels", ">graded", ">champion", ">challenger", "verdict")
    for row in rows:
        if row["problem"]:
            made.add_row(
                text(row["kind"], "bold"),
                text(row["metric"]),
                "–",
                "–",
                "–",
                "–",
                text(row["problem"], "yellow"),
            )
            continue
        held_out = row["held_out"]
        promoted = row["promoted"]
        made.add_row(
            text(row["kind"], "bold"),
            text(row["metric"]),
            text(len(row["series"])),
            text(held_out["outcomes"]),
            _ratio(held_out["champion"]),
            _ratio(held_out["challenger"]),
            text(f"promoted as version {row['version']}", "green") if promoted else text("not promoted"),
        )
    out.print(made)
    out.print()
    for row in rows:
        if not row["problem"]:
            out.print(text(f"{row['kind']} for {row['metric']}: {row['why']}"))
    out.print(text(_LEGEND, "dim"))


def version_rows(versions: Sequence[Version]) -> list[Row]:
    """Newest first within a kind and metric. `has_vote`: the newest that can serve."""
    rows: list[Row] = []
    voting: set[tuple[str, str]] = set()
    for version in sorted(versions, key=lambda one: (one.kind, one.metric, -one.number)):
        place = (version.kind, version.metric)
        has_vote = version.can_serve and place not in voting
        if has_vote:
            voting.add(place)
        manifest = version.manifest
        rows.append(
            {
                "kind": version.kind,
                "metric": version.metric,
                "version": version.number,
                "has_vote": has_vote,
                "withdrawn": version.is_withdrawn,
                "problem": version.problem or None,
                "manifest": None if manifest is None else asdict(manifest),
            }
        )
    return rows


def show_versions(rows: Sequence[Row], folder: str) -> None:
    out = console()
    if not rows:
        out.print(text(f"No model is stored in {folder}. `foreroute train` makes one.", "dim"))
        return
    made = table(
        "model", "metric", ">version", "made", "fitted on", ">channels", ">error", ">old error", "vote"
    )
    for row in rows:
        manifest = row["manifest"]
        made.add_row(
            text(row["kind"], "bold"),
            text(row["metric"]),
            text(row["version"]),
            _day(manifest["created_at"]) if manifest else "–",
            f"{_day(manifest['trained_from_at'])} … {_day(manifest['trained_to_at'])}" if manifest else "–",
            text(len(manifest["series"])) if manifest else "–",
            _ratio(manifest["held_out"]["challenger"]) if manifest else "–",
            _ratio(manifest["held_out"]["champion"]) if manifest else "–",
            _vote(row),
        )
    out.print(made)
    out.print()
    out.print(text(_LEGEND, "dim"))


def _vote(row: Row) -> Any:
    if row["problem"]:
        return text(f"refused: {row['problem']}", "red")
    if row["withdrawn"]:
        return text("withdrawn", "yellow")
    return text("yes", "green") if row["has_vote"] else text("no", "dim")


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")

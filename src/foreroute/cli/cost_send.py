"""`foreroute cost report --send`: one of the configured reports, now. The schedule does not change by it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foreroute.app.cost_reports import Gathered, PlannedReport, gathered, letter_of, planned_report
from foreroute.app.report_post import Letter
from foreroute.cli.options import config_path
from foreroute.cli.say import CommandError, console, text
from foreroute.cli.series_store import on_file
from foreroute.clock import SystemClock
from foreroute.cost.calendar import Period
from foreroute.settings import load_settings
from foreroute.settings.model import Settings
from foreroute.store.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Sending:
    """The command line."""

    report: str
    period: str
    back: int
    dry_run: bool


def sent(config: Path | None, wanted: Sending) -> dict[str, Any]:
    """What was sent, and what each receiver made of it. Raises CommandError, ConfigError, MissingExtra, StoreError."""
    settings = load_settings(config_path(config))
    report = _planned(settings, wanted.report)
    now = SystemClock().now()

    async def work(store: SqliteStore) -> tuple[Letter, list[str]]:
        found: Gathered = await gathered(
            store, Period(wanted.period), at=now, time_zone=settings.cost.time_zone, back=wanted.back
        )
        letter = letter_of(found, report.attach)
        if wanted.dry_run:
            return letter, []
        return letter, [await report.post.send(target, letter) for target in range(len(report.post))]

    letter, errors = on_file(settings, work)
    if any(errors):
        where = ", ".join(str(number) for number, error in enumerate(errors, start=1) if error)
        raise CommandError(
            f"{sum(map(bool, errors))} of {len(errors)} receivers did not take it: {where}",
            where=f"cost.reports {report.name}",
            hint=next(error for error in errors if error),
        )
    attachment = letter.attachment
    return {
        "report": report.name,
        "sent": not wanted.dry_run,
        "receivers": list(report.post.kinds()),
        "subject": letter.subject,
        "text": letter.text,
        "attachment": None
        if attachment is None
        else {"name": attachment.name, "bytes": len(attachment.content.encode())},
    }


def show_sent(answer: dict[str, Any]) -> None:
    out = console()
    verb = "Sent" if answer["sent"] else "Would be sent"
    out.print(f"{verb} to {len(answer['receivers'])}: {', '.join(answer['receivers'])}")
    out.print(text(answer["subject"], "bold"))
    out.print(text(answer["text"]))
    if answer["attachment"] is not None:
        out.print(text(f"attached: {answer['attachment']['name']} ({answer['attachment']['bytes']:,} bytes)"))


def _planned(settings: Settings, name: str) -> PlannedReport:
    for one in settings.cost.reports:
        if one.name == name:
            return planned_report(one)
    names = ", ".join(one.name for one in settings.cost.reports)
    raise CommandError(
        f"there is no report {name!r}",
        where="--send",
        hint=f"one of {names}" if names else "name one under cost.reports in the configuration file",
    )

"""Scheduled cost reports: which are due, written once, and sent to each receiver once, also over restarts."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path
from typing import Final

from foreroute.app.report_post import Attachment, Letter, ReportPost
from foreroute.core.cost_record import CostRecord, ReportSent, SendState
from foreroute.core.errors import ConfigError
from foreroute.core.keys import KeyBook
from foreroute.core.ledger import SpendCell
from foreroute.core.ports import Clock, CostedStore, KeyedStore
from foreroute.cost.budget import zone_of
from foreroute.cost.calendar import Period, Window
from foreroute.cost.focus import focus_csv
from foreroute.cost.report import SpendReport, asked, spend_report
from foreroute.cost.report_names import named
from foreroute.cost.report_rows import report_csv
from foreroute.cost.report_words import html, subject, text
from foreroute.cost.schedule import Due, Schedule, due
from foreroute.settings.model import Settings
from foreroute.settings.reports import Attach, CostReportSettings

_log: Final = logging.getLogger("foreroute.cost")
_RETRY_S: Final = 900.0
"""What was not taken is tried again after so long, as long as it is due."""
_DAY_S: Final = 86_400.0
_FILE_BYTES_MAX: Final = 64_000


@dataclass(frozen=True, slots=True)
class PlannedReport:
    """One of the configured reports, ready to be sent."""

    name: str
    schedule: Schedule
    attach: Attach
    post: ReportPost


class ReportDesk:
    """`round` sends what is due. For one task at a time."""

    def __init__(
        self,
        reports: Sequence[PlannedReport],
        store: CostedStore,
        record: CostRecord,
        *,
        time_zone: str,
        clock: Clock,
    ) -> None:
        self._reports, self._store, self._record = tuple(reports), store, record
        self._time_zone, self._zone, self._clock = time_zone, zone_of(time_zone), clock

    async def begin(self) -> None:
        """Says which reports a run that was killed has left on their way: they may have arrived, and are not sent again."""
        for one in await self._record.reports(since_at=self._clock.now() - 40 * _DAY_S):
            if one.state is SendState.BEGUN:
                _log.warning("cost_report_unsure", extra={"report": one.report, "window": one.window})

    async def round(self) -> int:
        """How many letters were taken. Raises StoreError."""
        at, taken = self._clock.now(), 0
        for report in self._reports:
            for one in due(report.schedule, at, self._zone):
                taken += await self._send(report, one)
        return taken

    async def _send(self, report: PlannedReport, one: Due) -> int:
        """To each receiver that has not got it. A period before there was any traffic is nothing to tell."""
        known = await self._record.reports(since_at=one.at - _DAY_S)
        done = {
            sent.target
            for sent in known
            if (sent.report, sent.period, sent.window) == (report.name, one.period.value, one.window.name)
            and sent.state is not SendState.FAILED
        }
        left = [target for target in range(len(report.post)) if target not in done]
        if not left:
            return 0
        found = await gathered(
            self._store, one.period, at=one.at, time_zone=self._time_zone, window=one.window
        )
        if not (found.report.total.attempts or found.report.before.attempts):
            return 0
        letter = letter_of(found, report.attach)
        return sum([await self._post(report, one, target, letter) for target in left])

    async def _post(self, report: PlannedReport, one: Due, target: int, letter: Letter) -> bool:
        """Whether it was taken. It is on record as begun before anything is sent."""
        claim = ReportSent(
            report=report.name,
            period=one.period.value,
            window=one.window.name,
            target=target,
            state=SendState.BEGUN,
            tries=1,
            at=self._clock.now(),
        )
        if not await self._record.claim(claim, failed_before=claim.at - _RETRY_S):
            return False
        error = await report.post.send(target, letter)
        state = SendState.FAILED if error else SendState.SENT
        await self._record.settle(replace(claim, state=state, error=error, at=self._clock.now()))
        what = {"report": report.name, "window": one.window.name, "target": target + 1}
        if error:
            _log.warning("cost_report_not_sent", extra={**what, "error": error})
        else:
            _log.info("cost_report_sent", extra=what)
        return not error


@dataclass(frozen=True, slots=True)
class Gathered:
    """A period's report and the cells that it is made of."""

    report: SpendReport
    cells: tuple[SpendCell, ...]
    zone: tzinfo


async def gathered(
    store: CostedStore,
    period: Period,
    *,
    at: float,
    time_zone: str,
    back: int = 0,
    window: Window | None = None,
) -> Gathered:
    """The period that holds `at`, or so many before; or of `window`, which is one. Raises StoreError."""
    zone = zone_of(time_zone)
    inside = at if window is None else window.end_at - 1.0
    wanted = asked(period, inside, zone, time_zone, back=back)
    cells = await store.costs.cells(wanted.windows)
    book = await store.keys.read() if isinstance(store, KeyedStore) else KeyBook()
    days = {day.start_at for day in wanted.days}
    ours = tuple(cell for cell in cells if cell.start_at in days)
    return Gathered(named(spend_report(wanted, cells), book), ours, zone)


def letter_of(found: Gathered, attach: Attach) -> Letter:
    report = found.report
    stem = f"foreroute-cost-{report.period.value}-{report.window.name}"
    match attach:
        case Attach.HTML:
            attachment = Attachment(f"{stem}.html", html(report), "text/html")
        case Attach.CSV:
            attachment = Attachment(f"{stem}.csv", report_csv(report), "text/csv")
        case Attach.FOCUS:
            attachment = Attachment(f"{stem}-focus.csv", focus_csv(found.cells, found.zone), "text/csv")
        case Attach.NONE:
            return Letter(subject(report), text(report))
    return Letter(subject(report), text(report), attachment)


def planned_reports(settings: Settings) -> tuple[PlannedReport, ...]:
    """Raises ConfigError for a receiver that cannot be, MissingExtra. Calls nobody."""
    return tuple(planned_report(one) for one in settings.cost.reports)


def planned_report(one: CostReportSettings) -> PlannedReport:
    hours, minutes = one.at.split(":")
    return PlannedReport(
        name=one.name,
        schedule=Schedule(
            periods=tuple(Period(name) for name in one.every), minute=60 * int(hours) + int(minutes)
        ),
        attach=one.attach,
        post=ReportPost(_urls(one), report=one.name),
    )


def _urls(one: CostReportSettings) -> list[str]:
    if one.apprise_urls_file is None:
        return [url.get_secret_value() for url in one.apprise_urls]
    lines = (line.strip() for line in _text(one.name, one.apprise_urls_file).splitlines())
    urls = [line for line in lines if line and not line.startswith("#")]
    if not urls:
        raise ConfigError(f"{one.apprise_urls_file} holds no address", where=f"cost.reports {one.name}")
    return urls


def _text(name: str, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_FILE_BYTES_MAX)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{path} cannot be read: {reason}", where=f"cost.reports {name}") from None

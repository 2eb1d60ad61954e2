"""The report as files, for the cost page's buttons: comma-separated values, and FOCUS."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import tzinfo
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.core.errors import StoreError
from foreroute.core.ledger import SpendCell
from foreroute.cost.focus import focus_csv
from foreroute.cost.report import SpendReport
from foreroute.cost.report_rows import report_csv
from foreroute.dashboard.answers import Refusal

_CSV: Final = "text/csv; charset=utf-8"
Reported = Callable[[Request], Awaitable[tuple[SpendReport, Sequence[SpendCell]]]]
"""The report that is asked for, and the cells that it is made of."""


def file_routes(reported: Reported, zone: tzinfo) -> list[Route]:
    """`?period=day|week|month` and `?back=1`, as with the report itself."""

    async def plain(request: Request) -> Response:
        report, _ = await _read(reported, request)
        return _file(report_csv(report), f"spend-{report.window.name}.csv")

    async def focus(request: Request) -> Response:
        report, cells = await _read(reported, request)
        return _file(focus_csv(cells, zone), f"spend-{report.window.name}-focus.csv")

    return [
        Route("/api/cost/report.csv", plain, methods=["GET"]),
        Route("/api/cost/report-focus.csv", focus, methods=["GET"]),
    ]


async def _read(reported: Reported, request: Request) -> tuple[SpendReport, Sequence[SpendCell]]:
    try:
        return await reported(request)
    except StoreError as error:
        raise Refusal(503, str(error), "nothing is wrong with what was asked") from None


def _file(content: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=_CSV, headers=headers)

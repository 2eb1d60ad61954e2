"""A provider's bill from a file: comma-separated values, or what the clouds' own tools export. All of it or nothing.

Known are: plain `date,usd`; AWS Cost Explorer's `get-cost-and-usage` (JSON) and cost and usage reports (CSV); the billing
export of Google Cloud (CSV or lines of JSON, credits taken off); Azure Cost Management's export (CSV) and query (JSON);
FOCUS data sets (CSV).
"""

import csv
import io
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

from foreroute.core.errors import HistoryError
from foreroute.cost.bill_fields import EXAMPLE, BillLine, Columns
from foreroute.cost.bill_json import json_lines, shape_of

__all__ = ["BillLine", "BillSource", "read_bill"]


class BillSource(StrEnum):
    """Whose bill it is."""

    AWS = "aws"
    AZURE = "azure"
    GCP = "gcp"
    CSV = "csv"
    """Plain comma-separated values."""


_MARKS: Final[Mapping[BillSource, frozenset[str]]] = {
    BillSource.AWS: frozenset(
        {"lineitem/usagestartdate", "line_item_usage_start_date", "unblendedcost", "chargeperiodstart"}
    ),
    BillSource.AZURE: frozenset(
        {"costinbillingcurrency", "costinusd", "pretaxcost", "metercategory", "chargeperiodstart"}
    ),
    BillSource.GCP: frozenset(
        {
            "usage_start_time",
            "service.description",
            "service_description",
            "usage start date",
            "chargeperiodstart",
        }
    ),
}
"""Columns that only that provider's exports have, one of which must be there; all of them export FOCUS too."""


def read_bill(
    text: str, where: str, *, rates: Mapping[str, Decimal] | None = None, source: BillSource | None = None
) -> tuple[BillLine, ...]:
    """The lines of a bill. `rates`: US dollars for one unit of another currency, such as `{"EUR": Decimal("1.08")}`.
    `source`: whose it must be; None: whoever's it is.

    Raises HistoryError with line and column, and what would be right.
    """
    known = {name.upper(): rate for name, rate in (rates or {}).items()}
    clean = text.removeprefix("\ufeff").strip()
    if not clean:
        raise HistoryError("the bill is empty", where=where, hint=EXAMPLE)
    is_json = clean[0] in "{["
    if source is not None:
        _check(source, clean, where, is_json=is_json)
    lines = tuple(json_lines(clean, where, known) if is_json else _of_csv(clean, where, known))
    if not lines:
        raise HistoryError("the bill has no line", where=where, hint=EXAMPLE)
    return lines


def _check(source: BillSource, text: str, where: str, *, is_json: bool) -> None:
    """Raises HistoryError for the bill of somebody else."""
    if is_json:
        fits = shape_of(text) == source.value
    else:
        heads = {head.strip().lower() for head in next(csv.reader(io.StringIO(text)), [])}
        fits = source is BillSource.CSV or bool(heads & _MARKS[source])
    if not fits:
        hint = "leave --from away to have it recognised, or name the file of that provider"
        raise HistoryError(f"this is no bill of {source.value}", where=where, hint=hint)


def _of_csv(text: str, where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    rows = csv.DictReader(io.StringIO(text), strict=True)
    try:
        yield from _rows(rows, where, rates)
    except csv.Error as error:
        raise HistoryError(str(error), where=f"{where}:{rows.line_num}", hint=EXAMPLE) from None


def _rows(rows: "csv.DictReader[str]", where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    columns = Columns.of([(name or "").strip() for name in rows.fieldnames or ()], where)
    rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
    for row in rows:
        at = f"{where}:{rows.line_num}"
        if None in row or any(value is None for value in row.values()):
            raise HistoryError("has more or fewer fields than the first line", where=at, hint=EXAMPLE)
        yield columns.line(row, at, rates)

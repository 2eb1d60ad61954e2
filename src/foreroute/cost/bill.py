"""A provider's bill from a file: comma-separated values, or what the clouds' own tools export. All of it or nothing.

Known are: plain `date,usd`; AWS Cost Explorer's `get-cost-and-usage` (JSON); the billing export of Google Cloud (CSV or
lines of JSON, credits taken off); Azure Cost Management's export (CSV) and query (JSON).
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from foreroute.core.errors import HistoryError


@dataclass(frozen=True, slots=True)
class BillLine:
    day: date
    usd: Decimal
    """Negative for credits and refunds."""
    service: str = ""


_DAYS: Final = (
    "date",
    "day",
    "usage_date",
    "usagedate",
    "usage_start_time",
    "usagedatetime",
    "chargeperiodstart",
    "time",
)
_COSTS: Final = (
    "usd", "cost_usd", "costinusd", "costinbillingcurrency", "pretaxcost", "billedcost", "unblendedcost", "cost", "amount",
)  # fmt: skip
_CURRENCIES: Final = ("currency", "billingcurrency", "billingcurrencycode", "unit")
_SERVICES: Final = (
    "service",
    "service_description",
    "service.description",
    "metercategory",
    "servicename",
    "consumedservice",
)
_DOLLARS: Final = frozenset({"usd", "cost_usd", "costinusd"})
_EXAMPLE: Final = "its first line should name a date and a cost column, such as: date,usd"


def read_bill(text: str, where: str, *, rates: Mapping[str, Decimal] | None = None) -> tuple[BillLine, ...]:
    """The lines of a bill. `rates`: US dollars for one unit of another currency, such as `{"EUR": Decimal("1.08")}`.

    Raises HistoryError with the line, and what would be right.
    """
    known = {name.upper(): rate for name, rate in (rates or {}).items()}
    clean = text.removeprefix("\ufeff").strip()
    if not clean:
        raise HistoryError("the bill is empty", where=where, hint=_EXAMPLE)
    if clean[0] not in "{[":
        lines = tuple(_of_csv(clean, where, known))
    else:
        lines = tuple(_of_json(clean, where, known))
    if not lines:
        raise HistoryError("the bill has no line", where=where, hint=_EXAMPLE)
    return lines


def _of_csv(text: str, where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    rows = csv.DictReader(io.StringIO(text), strict=True)
    try:
        yield from _rows(rows, where, rates)
    except csv.Error as error:
        raise HistoryError(str(error), where=f"{where}:{rows.line_num}", hint=_EXAMPLE) from None


def _rows(rows: "csv.DictReader[str]", where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    heads = [(name or "").strip() for name in rows.fieldnames or ()]
    day, cost = _head(heads, _DAYS), _head(heads, _COSTS)
    if day is None or cost is None:
        what = "a date" if day is None else "a cost"
        raise HistoryError(f"no column is {what}: {', '.join(heads)[:200]}", where=where, hint=_EXAMPLE)
    currency, service = _head(heads, _CURRENCIES), _head(heads, _SERVICES)
    in_dollars = cost.lower() in _DOLLARS
    for row in rows:
        at = f"{where}:{rows.line_num}"
        if None in row or any(value is None for value in row.values()):
            raise HistoryError("has more or fewer fields than the first line", where=at, hint=_EXAMPLE)
        unit = "USD" if in_dollars or currency is None else row[currency]
        amount = _money(row[cost], at) * _rate(unit, rates, at)
        yield BillLine(_day(row[day], at), amount, "" if service is None else row[service])


def _of_json(text: str, where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    try:
        found = json.loads(text, parse_float=Decimal)
    except ValueError:
        yield from _lines(text, where, rates)
        return
    if isinstance(found, dict) and "ResultsByTime" in found:
        yield from _aws(found["ResultsByTime"], where, rates)
    elif isinstance(found, dict) and isinstance(found.get("properties"), dict):
        yield from _azure(found["properties"], where, rates)
    elif isinstance(found, list) or (isinstance(found, dict) and "cost" in found):
        rows = found if isinstance(found, list) else [found]
        for number, row in enumerate(rows, start=1):
            yield _gcp(row, f"{where}, record {number}", rates)
    else:
        hint = "known are AWS Cost Explorer, Google Cloud's billing export and Azure Cost Management"
        raise HistoryError("this JSON is no bill of a known shape", where=where, hint=hint)


def _lines(text: str, where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    for number, line in enumerate(text.splitlines(), start=1):
        at = f"{where}:{number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_float=Decimal)
        except ValueError:
            raise HistoryError(
                "is not JSON", where=at, hint="one JSON object a line, or one in all"
            ) from None
        yield _gcp(row, at, rates)


def _aws(results: Any, where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    for number, one in enumerate(results, start=1):
        at = f"{where}, ResultsByTime {number}"
        try:
            day = _day(one["TimePeriod"]["Start"], at)
            groups = [(" ".join(group["Keys"]), group["Metrics"]) for group in one.get("Groups") or ()]
            for service, metrics in groups or [("", one["Total"])]:
                money = metrics.get("UnblendedCost") or next(iter(metrics.values()))
                usd = _money(money["Amount"], at) * _rate(money["Unit"], rates, at)
                yield BillLine(day, usd, service)
        except (KeyError, TypeError, AttributeError, StopIteration):
            hint = "ask for it with: aws ce get-cost-and-usage --granularity DAILY --metrics UnblendedCost"
            raise HistoryError("is not what Cost Explorer answers", where=at, hint=hint) from None


def _azure(properties: Mapping[str, Any], where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    try:
        heads = [str(column["name"]) for column in properties["columns"]]
        rows: Sequence[Sequence[Any]] = properties["rows"]
    except (KeyError, TypeError):
        raise HistoryError(
            "has no columns and rows", where=where, hint="give the whole answer of the query"
        ) from None
    day, cost, currency = (_head(heads, names) for names in (_DAYS, _COSTS, _CURRENCIES))
    if day is None or cost is None:
        raise HistoryError(
            f"no column is a day or a cost: {', '.join(heads)}",
            where=where,
            hint="ask by day: granularity Daily",
        )
    service = _head(heads, _SERVICES)
    for number, values in enumerate(rows, start=1):
        at = f"{where}, row {number}"
        if len(values) != len(heads):
            raise HistoryError("has more or fewer values than columns", where=at)
        row = dict(zip(heads, values, strict=True))
        unit = "USD" if currency is None or cost.lower() in _DOLLARS else row[currency]
        usd = _money(row[cost], at) * _rate(unit, rates, at)
        yield BillLine(_day(row[day], at), usd, "" if service is None else str(row[service]))


def _gcp(row: Any, at: str, rates: Mapping[str, Decimal]) -> BillLine:
    """A record of the billing export; its credits are negative and come off."""
    try:
        given_back: Iterable[Mapping[str, Any]] = row.get("credits") or ()
        amount = _money(row["cost"], at) + sum((_money(one["amount"], at) for one in given_back), Decimal(0))
        service = row.get("service") or {}
        name = service.get("description", "") if isinstance(service, dict) else str(service)
        day = _day(row.get("usage_start_time") or row["date"], at)
        return BillLine(day, amount * _rate(row.get("currency", "USD"), rates, at), name)
    except (KeyError, TypeError, AttributeError):
        hint = "a record has usage_start_time, cost and currency"
        raise HistoryError("is not a record of a billing export", where=at, hint=hint) from None


def _head(heads: Sequence[str], names: Sequence[str]) -> str | None:
    by_name = {head.lower(): head for head in heads}
    return next((by_name[name] for name in names if name in by_name), None)


def _money(value: Any, at: str) -> Decimal:
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite():
        raise HistoryError(f"{value!r} is not an amount of money", where=at, hint="write it as 12.34")
    return amount


def _rate(unit: Any, rates: Mapping[str, Decimal], at: str) -> Decimal:
    name = str(unit).strip().upper()
    if name == "USD":
        return Decimal(1)
    if name not in rates:
        hint = f"say what it is worth: --rate {name or 'EUR'}=1.08 (US dollars for one)"
        raise HistoryError(f"the currency {unit!r} is not known", where=at, hint=hint)
    return rates[name]


def _day(value: Any, at: str) -> date:
    text = str(value).strip()
    for form in ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(text[:10] if "-" in text else text, form).date()  # noqa: DTZ007 - a day of the bill
        except ValueError:
            continue
    raise HistoryError(f"{value!r} is not a day", where=at, hint="write it as 2026-11-02")

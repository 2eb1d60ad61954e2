"""A bill as JSON: AWS Cost Explorer's answer, Azure Cost Management's query, Google Cloud's billing export."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from foreroute.core.errors import HistoryError
from foreroute.cost.bill_fields import BillLine, Columns, day_of, money, rate_of

AWS, AZURE, GCP = "aws", "azure", "gcp"
_AWS_HINT: Final = (
    "ask for it with: aws ce get-cost-and-usage --granularity DAILY --metrics UnblendedCost "
    "--group-by Type=DIMENSION,Key=SERVICE Type=DIMENSION,Key=USAGE_TYPE"
)


def shape_of(text: str) -> str | None:
    """Whose bill it is; None for JSON of no known shape. Lines of JSON are Google Cloud's."""
    try:
        found = json.loads(text)
    except ValueError:
        return GCP
    if isinstance(found, dict) and "ResultsByTime" in found:
        return AWS
    if isinstance(found, dict) and isinstance(found.get("properties"), dict):
        return AZURE
    return GCP if isinstance(found, list) or (isinstance(found, dict) and "cost" in found) else None


def json_lines(text: str, where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    """Raises HistoryError with line and column of what is no JSON, or with the record."""
    try:
        found = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        if "\n" not in text:
            raise _no_json(error, where, 1) from None
        yield from _by_line(text, where, rates)
        return
    if isinstance(found, dict) and "ResultsByTime" in found:
        yield from aws_lines(found["ResultsByTime"], where, rates)
    elif isinstance(found, dict) and isinstance(found.get("properties"), dict):
        yield from _azure(found["properties"], where, rates)
    elif isinstance(found, list) or (isinstance(found, dict) and "cost" in found):
        rows = found if isinstance(found, list) else [found]
        for number, row in enumerate(rows, start=1):
            yield _gcp(row, f"{where}, record {number}", rates)
    else:
        hint = "known are AWS Cost Explorer, Google Cloud's billing export and Azure Cost Management"
        raise HistoryError("this JSON is no bill of a known shape", where=where, hint=hint)


def _by_line(text: str, where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_float=Decimal)
        except ValueError as error:
            raise _no_json(error, where, number) from None
        yield _gcp(row, f"{where}:{number}", rates)


def _no_json(error: ValueError, where: str, line: int) -> HistoryError:
    column = f":{error.colno}" if isinstance(error, json.JSONDecodeError) else ""
    return HistoryError(
        "is not JSON", where=f"{where}:{line}{column}", hint="one JSON object a line, or one in all"
    )


def aws_lines(results: Any, where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    """Grouped by service, by service and type of use, or not at all."""
    if not isinstance(results, list):
        raise HistoryError("ResultsByTime is no list", where=where, hint=_AWS_HINT)
    for number, one in enumerate(results, start=1):
        at = f"{where}, ResultsByTime {number}"
        try:
            day = day_of(one["TimePeriod"]["Start"], f"{at}, Start")
            groups = [(group["Keys"], group["Metrics"]) for group in one.get("Groups") or ()]
            for keys, metrics in groups or [([], one["Total"])]:
                paid = metrics.get("UnblendedCost") or next(iter(metrics.values()))
                usd = money(paid["Amount"], f"{at}, Amount") * rate_of(paid["Unit"], rates, f"{at}, Unit")
                names = [str(key) for key in keys]
                yield BillLine(day, usd, "".join(names[:1]), " ".join(names[1:]))
        except (KeyError, TypeError, AttributeError, StopIteration):
            raise HistoryError("is not what Cost Explorer answers", where=at, hint=_AWS_HINT) from None


def _azure(properties: Mapping[str, Any], where: str, rates: Mapping[str, Decimal]) -> Iterator[BillLine]:
    try:
        heads = [str(column["name"]) for column in properties["columns"]]
        rows: Sequence[Sequence[Any]] = properties["rows"]
    except (KeyError, TypeError):
        raise HistoryError(
            "has no columns and rows", where=where, hint="give the whole answer of the query"
        ) from None
    columns = Columns.of(heads, where, hint="ask by day: granularity Daily")
    for number, values in enumerate(rows, start=1):
        at = f"{where}, row {number}"
        if not isinstance(values, list) or len(values) != len(heads):
            raise HistoryError("has more or fewer values than columns", where=at)
        yield columns.line(dict(zip(heads, values, strict=True)), at, rates)


def _gcp(row: Any, at: str, rates: Mapping[str, Decimal]) -> BillLine:
    """A record of the billing export; its credits are negative and come off."""
    try:
        given_back: Iterable[Mapping[str, Any]] = row.get("credits") or ()
        amount = money(row["cost"], f"{at}, cost")
        amount += sum((money(one["amount"], f"{at}, credits") for one in given_back), Decimal(0))
        day = day_of(row.get("usage_start_time") or row["date"], f"{at}, usage_start_time")
        rate = rate_of(row.get("currency", "USD"), rates, f"{at}, currency")
        return BillLine(day, amount * rate, _described(row.get("service")), _described(row.get("sku")))
    except (KeyError, TypeError, AttributeError):
        hint = "a record has usage_start_time, cost and currency"
        raise HistoryError("is not a record of a billing export", where=at, hint=hint) from None


def _described(value: Any) -> str:
    return str(value.get("description", "")) if isinstance(value, dict) else str(value or "")

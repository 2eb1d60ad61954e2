"""What AWS bills, day by day, from Cost Explorer by boto3 (extra `bills`). Reads; changes nothing.

Credentials, region and endpoint are found where boto3 finds them: environment, profile, role of the machine. One request
of Cost Explorer costs 0.01 US dollars.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import import_module
from typing import Any, Final

from foreroute.core.errors import HistoryError, MissingExtra
from foreroute.cost.bill_fields import BillLine
from foreroute.cost.bill_json import aws_lines

WHERE: Final = "AWS Cost Explorer"
_REGION: Final = "us-east-1"
"""Where Cost Explorer is answered from, whatever is billed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSpan:
    """`until` is exclusive, as in Cost Explorer's own interface."""

    since: date
    until: date
    endpoint_url: str | None = None
    """Unset: AWS, or what `AWS_ENDPOINT_URL` says."""


def aws_bill(span: AwsSpan, rates: dict[str, Decimal] | None = None) -> tuple[BillLine, ...]:
    """By service and type of use. All of it or nothing: raises HistoryError with what AWS says, MissingExtra."""
    try:
        boto3, exceptions = import_module("boto3"), import_module("botocore.exceptions")
    except ImportError:
        raise MissingExtra("boto3", "bills", "`foreroute cost reconcile --from aws` without a file") from None
    try:
        client = boto3.client("ce", region_name=_REGION, endpoint_url=span.endpoint_url)
        results = _results(client, span)
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise HistoryError(
            f"did not answer: {error}",
            where=WHERE,
            hint="it needs credentials that may call ce:GetCostAndUsage; or give an exported file",
        ) from None
    lines = tuple(aws_lines(results, WHERE, rates or {}))
    if not lines:
        raise HistoryError("has no costs in these days", where=WHERE, hint="choose others with --since")
    return lines


def _results(client: Any, span: AwsSpan) -> list[Any]:
    """Every page; a group that goes on over pages comes as several entries of a day, which add up."""
    asked: dict[str, Any] = {
        "TimePeriod": {"Start": span.since.isoformat(), "End": span.until.isoformat()},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
        "GroupBy": [
            {"Type": "DIMENSION", "Key": "SERVICE"},
            {"Type": "DIMENSION", "Key": "USAGE_TYPE"},
        ],
    }
    found: list[Any] = []
    while True:
        page = client.get_cost_and_usage(**asked)
        # A day without any costs has no groups, and a total that is empty.
        found += [one for one in page["ResultsByTime"] if one.get("Groups") or one.get("Total")]
        if not page.get("NextPageToken"):
            return found
        asked["NextPageToken"] = page["NextPageToken"]

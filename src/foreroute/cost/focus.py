"""Spend as a FOCUS 1.2 Cost and Usage data set: one row per day and group of attempts, for FinOps tools.

The columns are those of the specification of the FinOps Foundation (focus.finops.org, version 1.2). What Foreroute
knows beside them is in columns that begin with `x_`, as the specification asks. A row without a known price has no
place in a bill: it costs 0 here, and `x_UnpricedAttempts` says how many attempts that hides.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import orjson

from foreroute.core.ledger import Metered, SpendCell, SpendGroup
from foreroute.cost.calendar import Period, Window, period_of
from foreroute.cost.report_rows import plain

Row = dict[str, Any]

ISSUERS: Final[Mapping[str, str]] = {
    "anthropic": "Anthropic",
    "aws": "AWS",
    "azure": "Microsoft",
    "gcp": "Google Cloud",
    "google": "Google Cloud",
    "openai": "OpenAI",
}
_NOTHING: Final[Row] = dict.fromkeys(
    (
        "AvailabilityZone",
        "CapacityReservationId",
        "CapacityReservationStatus",
        "ChargeClass",
        "CommitmentDiscountCategory",
        "CommitmentDiscountId",
        "CommitmentDiscountName",
        "CommitmentDiscountQuantity",
        "CommitmentDiscountStatus",
        "CommitmentDiscountType",
        "CommitmentDiscountUnit",
        "ContractedUnitPrice",
        "ListUnitPrice",
        "SkuId",
        "SkuMeter",
        "SkuPriceDetails",
        "SkuPriceId",
        "SubAccountId",
        "SubAccountName",
        "SubAccountType",
    )
)


def focus_csv(cells: Iterable[SpendCell], zone: tzinfo) -> str:
    """A row a cell, columns in alphabetical order. Billing periods are calendar months of the time zone."""
    rows = [focus_row(cell, period_of(Period.MONTH, cell.start_at, zone)) for cell in cells]
    out = io.StringIO()
    heads = sorted(rows[0] if rows else _NOTHING | _named_columns())
    writer = csv.DictWriter(out, heads, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def focus_row(cell: SpendCell, period: Window) -> Row:
    """`period`: the month that the cell's charge is billed in."""
    return (
        _NOTHING
        | _when(cell, period)
        | _who(cell.group)
        | _what(cell)
        | _how_much(cell.metered)
        | _beside(cell)
    )


def _when(cell: SpendCell, period: Window) -> Row:
    return {
        "BillingPeriodEnd": _instant(period.end_at),
        "BillingPeriodStart": _instant(period.start_at),
        "ChargePeriodEnd": _instant(cell.end_at),
        "ChargePeriodStart": _instant(cell.start_at),
    }


def _who(group: SpendGroup) -> Row:
    """Who bills, who sells, and whose model it is."""
    issuer = ISSUERS.get(group.cloud, group.cloud or "Unknown")
    return {
        "BillingAccountId": "foreroute",
        "BillingAccountName": "Foreroute",
        "BillingAccountType": "Ledger",
        "InvoiceId": None,  # nobody has issued one
        "InvoiceIssuerName": issuer,
        "ProviderName": issuer,
        "PublisherName": ISSUERS.get(group.provider, group.provider or "Unknown"),
    }


def _what(cell: SpendCell) -> Row:
    """The charge, and on what."""
    group = cell.group
    return {
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{cell.metered.attempts} attempts on {group.channel}",
        "ChargeFrequency": "Usage-Based",
        "RegionId": group.region or None,
        "RegionName": group.region or None,
        "ResourceId": group.channel,
        "ResourceName": group.channel,
        "ResourceType": "Channel",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": group.model or "Unknown",
        "ServiceSubcategory": "Generative AI",
        "Tags": orjson.dumps({name: value for name, value in _tags(group).items() if value}).decode(),
    }


def _how_much(metered: Metered) -> Row:
    """No discounts are known, so that every cost is the same one."""
    cost, attempts = plain(metered.cost_usd), f"{metered.attempts}.0"
    return {
        "BilledCost": cost,
        "BillingCurrency": "USD",
        "ConsumedQuantity": attempts,
        "ConsumedUnit": "Requests",
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "ListCost": cost,
        "PricingCategory": "Standard",
        "PricingCurrency": "USD",
        "PricingCurrencyContractedUnitPrice": None,
        "PricingCurrencyEffectiveCost": cost,
        "PricingCurrencyListUnitPrice": None,
        "PricingQuantity": attempts,
        "PricingUnit": "Requests",
    }


def _beside(cell: SpendCell) -> Row:
    """What the specification has no column for."""
    metered = cell.metered
    return {
        "x_CacheWriteTokens": metered.cache_write_tokens,
        "x_CachedInputTokens": metered.cached_input_tokens,
        "x_InputTokens": metered.input_tokens,
        "x_Kind": cell.group.kind or "first try",
        "x_OutputTokens": metered.output_tokens,
        "x_ReasoningTokens": metered.reasoning_tokens,
        "x_UnpricedAttempts": metered.unpriced_attempts,
    }


def _tags(group: SpendGroup) -> Row:
    own = {"route": group.route, "key": group.key, "team": group.team}
    return own | {f"tag/{one}": "true" for one in group.tags}


def _named_columns() -> Row:
    return focus_row(SpendCell(0.0, 900.0, SpendGroup("none"), Metered()), Window("none", 0.0, 900.0))


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""What a bill's fields mean: days, money, currencies, and which column is which. Every error names its place."""

from collections.abc import Mapping, Sequence
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
    item: str = ""
    """What was sold: the meter, the SKU, the type of use. Often it names a model."""


DAYS: Final = (
    "date", "day", "usage_date", "usagedate", "usage_start_time", "usagedatetime", "chargeperiodstart",
    "lineitem/usagestartdate", "line_item_usage_start_date", "usage start date", "time",
)  # fmt: skip
COSTS: Final = (
    "usd", "cost_usd", "costinusd", "costinbillingcurrency", "pretaxcost", "billedcost", "unblendedcost",
    "lineitem/unblendedcost", "line_item_unblended_cost", "cost", "amount",
)  # fmt: skip
CURRENCIES: Final = (
    "currency", "billingcurrency", "billingcurrencycode", "lineitem/currencycode", "line_item_currency_code", "unit",
)  # fmt: skip
SERVICES: Final = (
    "service", "service_description", "service.description", "metercategory", "servicename", "consumedservice",
    "product/productname", "line_item_product_code", "service description",
)  # fmt: skip
ITEMS: Final = (
    "model", "item", "sku", "sku_description", "sku.description", "metername", "skumeter", "lineitem/usagetype",
    "line_item_usage_type", "sku description", "meter", "productname",
)  # fmt: skip
DOLLARS: Final = frozenset({"usd", "cost_usd", "costinusd"})
EXAMPLE: Final = "its first line should name a date and a cost column, such as: date,usd"


@dataclass(frozen=True, slots=True)
class Columns:
    """Which of the columns say what; None: none of them does."""

    day: str
    cost: str
    currency: str | None
    service: str | None
    item: str | None

    @classmethod
    def of(cls, heads: Sequence[str], where: str, hint: str = EXAMPLE) -> "Columns":
        """Raises HistoryError without a day or a cost."""
        day, cost = head_of(heads, DAYS), head_of(heads, COSTS)
        if day is None or cost is None:
            what = "a date" if day is None else "a cost"
            raise HistoryError(
                f"no column is {what}: {', '.join(heads)[:200]}", where=f"{where}:1", hint=hint
            )
        currency = None if cost.lower() in DOLLARS else head_of(heads, CURRENCIES)
        return cls(day, cost, currency, head_of(heads, SERVICES), head_of(heads, ITEMS))

    def line(self, row: Mapping[str, Any], at: str, rates: Mapping[str, Decimal]) -> BillLine:
        """`at`: the row's place. Raises HistoryError with the column too."""
        unit = "USD" if self.currency is None else row[self.currency]
        amount = money(row[self.cost], f"{at}, column {self.cost}")
        return BillLine(
            day_of(row[self.day], f"{at}, column {self.day}"),
            amount * rate_of(unit, rates, f"{at}, column {self.currency}"),
            "" if self.service is None else str(row[self.service]),
            "" if self.item is None else str(row[self.item]),
        )


def head_of(heads: Sequence[str], names: Sequence[str]) -> str | None:
    """The first of the names that is a column, as it is written there."""
    by_name = {head.lower(): head for head in heads}
    return next((by_name[name] for name in names if name in by_name), None)


def money(value: Any, at: str) -> Decimal:
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite():
        raise HistoryError(f"{value!r} is not an amount of money", where=at, hint="write it as 12.34")
    return amount


def rate_of(unit: Any, rates: Mapping[str, Decimal], at: str) -> Decimal:
    name = str(unit).strip().upper()
    if name == "USD":
        return Decimal(1)
    if name not in rates:
        hint = f"say what it is worth: --rate {name or 'EUR'}=1.08 (US dollars for one)"
        raise HistoryError(f"the currency {unit!r} is not known", where=at, hint=hint)
    return rates[name]


def day_of(value: Any, at: str) -> date:
    text = str(value).strip()
    for form in ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(text[:10] if "-" in text else text, form).date()  # noqa: DTZ007 - a day of the bill
        except ValueError:
            continue
    raise HistoryError(f"{value!r} is not a day", where=at, hint="write it as 2026-11-02")

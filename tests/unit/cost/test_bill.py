"""Bills of every known shape come to the same lines; a malformed one to a sentence with its place."""

import json
from datetime import date
from decimal import Decimal

import pytest

from foreroute.core.errors import HistoryError
from foreroute.cost.bill import BillLine, BillSource, read_bill
from foreroute.cost.reconcile import NO_MODEL, DayDifference, Metering, by_model, differences

D1, D2 = date(2026, 11, 1), date(2026, 11, 2)
AWS = {
    "ResultsByTime": [
        {
            "TimePeriod": {"Start": "2026-11-01", "End": "2026-11-02"},
            "Groups": [
                {"Keys": ["Amazon Bedrock"], "Metrics": {"UnblendedCost": {"Amount": "12.5", "Unit": "USD"}}}
            ],
        },
        {
            "TimePeriod": {"Start": "2026-11-02", "End": "2026-11-03"},
            "Total": {"UnblendedCost": {"Amount": "3", "Unit": "USD"}},
        },
    ]
}
AZURE = {
    "properties": {
        "columns": [
            {"name": "PreTaxCost"},
            {"name": "UsageDate"},
            {"name": "ServiceName"},
            {"name": "Currency"},
        ],
        "rows": [[12.5, 20261101, "Azure OpenAI", "USD"], [3, 20261102, "Azure OpenAI", "USD"]],
    }
}
GCP = [
    {
        "usage_start_time": "2026-11-01T08:00:00Z",
        "cost": 13.5,
        "currency": "USD",
        "service": {"description": "Vertex AI"},
        "credits": [{"amount": -1.0}],
    },
    {"usage_start_time": "2026-11-02 00:00:00 UTC", "cost": 3, "currency": "USD"},
]


@pytest.mark.parametrize(
    "text",
    [
        "date,usd\n2026-11-01,12.5\n2026-11-02,3\n",
        "\ufeffUsageDate,CostInBillingCurrency,BillingCurrency\r\n11/01/2026,12.5,USD\r\n11/02/2026,3,usd\r\n",
        (
            "lineItem/UsageStartDate,lineItem/UnblendedCost,lineItem/CurrencyCode,lineItem/UsageType\n"
            "2026-11-01T00:00:00Z,12.5,USD,USE1-x\n2026-11-02T00:00:00Z,3,USD,USE1-y\n"
        ),
        "ChargePeriodStart,BilledCost,BillingCurrency,ServiceName\n2026-11-01T00:00:00Z,12.5,USD,x\n2026-11-02T00:00:00Z,3,USD,x\n",
        "usage_start_time,service_description,cost,currency\n2026-11-01T00:00:00Z,x,12.5,USD\n2026-11-02,y,3,USD\n",
        json.dumps(AWS),
        json.dumps(AZURE),
        json.dumps(GCP),
        "\n".join(json.dumps(one) for one in GCP),
    ],
)
def test_every_shape_comes_to_the_same(text):
    lines = read_bill(text, "bill")
    assert [(line.day, line.usd) for line in lines] == [(D1, Decimal("12.5")), (D2, Decimal(3))]


def test_another_currency_needs_its_rate():
    text = "date,cost,currency\n2026-11-01,10,EUR\n"
    assert read_bill(text, "b", rates={"eur": Decimal("1.08")})[0].usd == Decimal("10.8")
    with pytest.raises(HistoryError, match="'EUR' is not known") as error:
        read_bill(text, "b")
    assert "--rate EUR=" in error.value.hint
    assert error.value.where == "b:2, column currency"


@pytest.mark.parametrize(
    ("text", "where", "match"),
    [
        ("", "b", "empty"),
        ("date,usd\n", "b", "no line"),
        ("when,much\n1,2\n", "b:1", "no column is a date"),
        ("date,usd\n2026-11-01,12\nyesterday,1\n", "b:3, column date", "not a day"),
        ("date,usd\n2026-11-01,much\n", "b:2, column usd", "not an amount"),
        ("date,usd\n2026-11-01,nan\n", "b:2, column usd", "not an amount"),
        ("date,usd\n2026-11-01\n", "b:2", "fewer fields"),
        ('date,usd\n2026-11-01,"1\n', "b:1", "unexpected end"),
        ("{}", "b", "no bill of a known shape"),
        ('{"cost": 1, "date": "2026-11-01"}\nnot json\n', "b:2:1", "not JSON"),
        ('{"cost": 1, date}', "b:1:13", "not JSON"),
        ('[{"cost": "x", "date": "2026-11-01"}]', "b, record 1, cost", "not an amount"),
        ('{"ResultsByTime": [{}]}', "b, ResultsByTime 1", "Cost Explorer"),
        ('{"properties": {"columns": []}}', "b", "columns and rows"),
        ("[7]", "b, record 1", "not a record"),
    ],
)
def test_a_malformed_bill_is_refused_as_a_whole_with_the_place(text, where, match):
    with pytest.raises(HistoryError, match=match) as error:
        read_bill(text, "b")
    assert error.value.where == where


def test_every_day_of_either_is_compared():
    found = differences([BillLine(D1, Decimal(5)), BillLine(D1, Decimal(-1))], {D2: Metering(Decimal(2), 1)})
    assert found == (
        DayDifference(D1, Decimal(4), Decimal(0), 0),
        DayDifference(D2, Decimal(0), Decimal(2), 1),
    )
    assert [one.difference_usd for one in found] == [4, -2]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (BillSource.AWS, json.dumps(AWS)),
        (BillSource.AZURE, json.dumps(AZURE)),
        (BillSource.GCP, json.dumps(GCP)),
        (BillSource.GCP, "\n".join(json.dumps(one) for one in GCP)),
        (BillSource.AZURE, "Date,CostInUsd,MeterCategory\n11/01/2026,1,x\n"),
        (BillSource.CSV, "date,usd\n2026-11-01,12.5\n"),
    ],
)
def test_a_bill_that_is_said_to_be_somebodys_must_be(source, text):
    assert read_bill(text, "b", source=source)
    for other in set(BillSource) - {source, BillSource.CSV}:
        with pytest.raises(HistoryError, match=f"no bill of {other}"):
            read_bill(text, "b", source=other)


def test_lines_belong_to_the_model_that_they_name():
    lines = [
        BillLine(D1, Decimal(9), "Amazon Bedrock", "USE1-Claude-Sonnet-4-input-tokens"),
        BillLine(D1, Decimal(4), "Azure OpenAI", "gpt 4o mini 0718 Inp glbl Tokens"),
        BillLine(D1, Decimal(2), "Azure OpenAI", "gpt 4o 0806 Outp glbl Tokens"),
        BillLine(D2, Decimal(1), "Support", ""),
        BillLine(D2, Decimal(3), "Amazon Bedrock", "USE1-NovaLite-output"),
    ]
    metered = {
        "anthropic.claude-sonnet-4-20250514-v1:0": Metering(Decimal("8.5"), 0),
        "gpt-4o": Metering(Decimal(2), 0),
        "gpt-4o-mini": Metering(Decimal(4), 3),
        "amazon.nova-lite-v1:0": Metering(Decimal(3), 0),
        "llama": Metering(Decimal(7), 0),
    }
    found = by_model(lines, metered, {"NovaLite": "amazon.nova-lite-v1:0"})
    assert [(one.model, one.billed_usd, one.difference_usd) for one in found] == [
        ("anthropic.claude-sonnet-4-20250514-v1:0", Decimal(9), Decimal("0.5")),
        ("gpt-4o-mini", Decimal(4), Decimal(0)),
        ("amazon.nova-lite-v1:0", Decimal(3), Decimal(0)),
        ("gpt-4o", Decimal(2), Decimal(0)),
        ("llama", Decimal(0), Decimal(-7)),
        (NO_MODEL, Decimal(1), Decimal(1)),
    ]
    assert sum(one.billed_usd for one in found) == 19

"""What was spent, through the command line, on a store in a file."""

import asyncio
import csv
import io
import json
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from foreroute.app.control_plane import open_store
from foreroute.cli.exits import ExitCode
from foreroute.cli.program import app
from foreroute.clock import SystemClock
from foreroute.control.controls import Steering
from foreroute.control.experiments.counting import Counting
from foreroute.control.experiments.held_out import HeldOut, HeldOutSettings
from foreroute.core.assignment import draw
from foreroute.core.attempt import Usage
from foreroute.core.decision import Autopilot
from foreroute.core.experiment import Unit
from foreroute.core.experiment_ports import ExperimentedStore
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.ledger import LedgerEntry, Seller
from foreroute.core.plan import Route, Target
from foreroute.monitor.fold import fold
from foreroute.settings import load_settings
from foreroute.testing.check_store import an_attempt

NOW = 1_795_003_200.0
"""Noon in the middle of a month: no test runs across the end of its day."""


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW)


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "foreroute.yaml"
        self.price: dict[str, Any] = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}
        self.write()

    def write(self, **cost: Any) -> None:
        channel = {
            "provider": "nobody",
            "region": "here",
            "model": "m",
            "base_url": "https://a.example.com/v1",
        }
        document = {
            "store": {"path": str(self.folder / "store.db")},
            "channels": [{**channel, "id": "a", "price": self.price}, {**channel, "id": "b"}],
            "routes": [{"model": "chat", "targets": [{"channel": "a"}, {"channel": "b"}]}],
            "cost": cost,
        }
        self.config.write_text(json.dumps(document))

    def write_two(self, prices: dict[str, tuple[float, float]], **route: Any) -> None:
        """Both channels priced, in and out, and a route with these settings."""
        channel = {
            "provider": "nobody",
            "region": "here",
            "model": "m",
            "base_url": "https://a.example.com/v1",
        }
        channels = [
            {**channel, "id": name, "price": {"input_usd_per_mtok": in_, "output_usd_per_mtok": out}}
            for name, (in_, out) in prices.items()
        ]
        targets = [{"channel": name} for name in prices]
        document = {
            "store": {"path": str(self.folder / "store.db")},
            "channels": channels,
            "routes": [{"model": "chat", "targets": targets, **route}],
        }
        self.config.write_text(json.dumps(document))

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["cost", *arguments, "--config", str(self.config)])

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def keep(self, *entries: LedgerEntry) -> None:
        async def work() -> None:
            store = await open_store(load_settings(self.config))
            await store.ledger.append(entries)
            await store.close()

        asyncio.run(work())


def entry(n: int, cost: str | None, channel: str = "a") -> LedgerEntry:
    usd = None if cost is None else Decimal(cost)
    attempt = replace(
        an_attempt(1, request=f"r{n}", channel=ChannelId(channel), at=NOW - 1.0),
        usage=Usage(1_000_000, 0, 0, 500_000),
        cost_usd=usd,
    )
    return LedgerEntry(
        attempt=attempt,
        cost_usd=usd,
        price_source="unpriced" if usd is None else "config",
        seller=Seller("nobody", "aws", "here", "m"),
    )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.keep(entry(1, "0.000000000001"), entry(2, "1.5"), entry(3, None, "b"))
    return made


def test_show_divides_and_adds_up(place):
    found = place.json("show", "--by", "channel")
    assert found["total"]["usd"] == "1.500000000001"
    assert [(one["name"], one["usd"]) for one in found["lines"]] == [("a", "1.500000000001"), ("b", "0")]
    shown = place.run("show").stdout
    assert "unpriced" in shown
    assert "1.500000000001" in shown


def test_a_report_is_the_same_in_every_form(place):
    found = place.json("report", "--period", "day")
    assert found["time_zone"] == "UTC"
    as_csv = place.run("report", "--period", "day", "--format", "csv").stdout
    total = next(csv.DictReader(io.StringIO(as_csv)))
    assert total["usd"] == found["total"]["usd"] == "1.500000000001"
    focus = list(csv.DictReader(io.StringIO(place.run("report", "--format", "focus").stdout)))
    assert sum(Decimal(row["BilledCost"]) for row in focus) == Decimal("1.500000000001")
    assert "1.500000000001" in place.run("report").stdout
    page = place.folder / "report.html"
    assert place.run("report", "--format", "html", "-o", str(page)).exit_code == 0
    written = page.read_text()
    assert "$1.500000000001" in written
    assert "<script src" not in written, "it stands alone"


def test_a_time_zone_that_does_not_exist_is_refused(place):
    place.write(time_zone="Mars/Olympus")
    result = place.run("show")
    assert result.exit_code == ExitCode.CONFIG
    assert "Mars/Olympus" in result.output


def test_an_unknown_division_names_the_known_ones(place):
    result = place.run("show", "--by", "colour")
    assert result.exit_code == ExitCode.FAILED
    assert "channel, model" in result.output


def test_prices_name_what_has_none(place):
    rows = {row["channel"]: row for row in place.json("prices")["prices"]}
    assert rows["a"]["prices"]["input"] == "1"
    assert rows["a"]["source"] == "config"
    assert rows["b"] == {
        "channel": "b",
        "provider": "nobody",
        "model": "m",
        "source": "unpriced",
        "prices": None,
    }
    assert "No price is known of b" in place.run("prices").stdout


@pytest.mark.parametrize(
    "price",
    [
        {"input_usd_per_mtok": -1, "output_usd_per_mtok": 1},
        {"input_usd_per_mtok": 1},
        {"usd_per_hour": "much"},
        {"usd_per_hour": 1, "tiers": {"flex": -2}},
        {},
    ],
)
def test_a_price_that_is_none_is_refused(place, price):
    place.price = price
    place.write()
    result = place.run("prices")
    assert result.exit_code == ExitCode.CONFIG
    assert "price" in result.output


def test_repricing_adds_rows_and_changes_every_sum(place):
    dry = place.json("reprice", "--all", "--dry-run")
    assert dry == {"attempts": 2, "difference_usd": "2.499999999999", "dry_run": True}
    assert place.json("show")["total"]["usd"] == "1.500000000001"
    assert place.json("reprice", "--all")["attempts"] == 2
    assert place.json("reprice", "--all")["attempts"] == 0, "all of it is done"
    assert place.json("show")["total"]["usd"] == "4"


def test_a_bill_is_compared_by_day(place):
    day = time.strftime("%Y-%m-%d", time.gmtime(NOW - 1.0))
    bill = place.folder / "bill.csv"
    bill.write_text(f"date,service,cost,currency\n{day},Bedrock,2,EUR\n{day},S3,100,EUR\n")
    found = place.json(
        "reconcile", str(bill), "--service", "bedrock", "--rate", "EUR=1.5", "--only", "cloud=aws"
    )
    assert found["billed_usd"] == "3"
    assert found["difference_usd"] == "1.499999999999"
    assert found["unpriced_attempts"] == 1
    assert place.json("reconcile", str(bill), "--rate", "EUR=1", "--only", "channel=b")["metered_usd"] == "0"
    assert place.run("reconcile", str(bill)).exit_code == ExitCode.FAILED
    for wrong in (["--only", "colour=red"], ["--rate", "EUR=0"], ["--service", "EC2"]):
        assert place.run("reconcile", str(bill), *wrong).exit_code == ExitCode.FAILED


def test_without_a_store_it_says_where_it_looked(tmp_path):
    result = Place(tmp_path).run("show")
    assert result.exit_code == ExitCode.FAILED
    assert "store.db" in result.output


def busy(place: Place) -> None:
    """Two channels of a route: `a` costs 2 and answers in 1 s; `b` costs 0.5 and is slow one time in five."""
    entries, attempts = [], []
    for n in range(400):
        channel = "ab"[n % 2]
        slow = channel == "b" and n % 10 == 1
        one = replace(
            an_attempt(1, request=f"busy{n}", channel=ChannelId(channel), at=NOW - 600.0 + n),
            usage=Usage(1_000_000, 0, 0, 500_000),
            duration_s=4.0 if slow else 1.0,
            hedge=False,
        )
        attempts.append(one)
        entries.append(LedgerEntry(attempt=one, cost_usd=Decimal(1), price_source="config"))

    async def work() -> None:
        store = await open_store(load_settings(place.config))
        await store.append(entries, fold(attempts, window_s=60.0, source="test"))
        await store.close()

    asyncio.run(work())


def test_frontier_and_optimum(place):
    place.write_two({"a": (1, 2), "b": (0.25, 0.5)})
    busy(place)
    (route,) = place.json("frontier", "--since", "1h")["routes"]
    found = {one["channel"]: one for one in route["channels"]}
    assert found["a"]["usd_per_request"] == pytest.approx(2.0, rel=0.02)
    assert found["a"]["on_frontier"]
    assert found["b"]["on_frontier"]
    assert found["b"]["p95_s"] > 3.5
    row = place.json("optimize", "--since", "1h")
    assert row["feasible"]
    (shares,) = [one["shares"] for one in row["routes"]]
    # The configured half and half is late in one request of ten; the limit is 1.1 times its p95, which is b's slow 4 s.
    assert shares["b"] == pytest.approx(1.0)
    assert row["saved_ratio"] > 0.3
    assert "frontier" in place.run("frontier", "--since", "1h").stdout
    assert "an hour" in place.run("optimize", "--since", "1h").stdout


def test_an_optimum_that_is_none_says_what_must_give(place):
    place.write_two({"a": (1, 2), "b": (0.25, 0.5)}, quality_min=0.9)
    busy(place)
    row = place.json("optimize", "--since", "1h", "--budget", "1")
    assert not row["feasible"]
    (one,) = row["concessions"]
    assert (one["promise"], one["bound"]) == ("budget", pytest.approx(1 / 24))
    assert one["needed"] > 1
    assert "would have to be" in place.run("optimize", "--since", "1h", "--budget", "1").stdout
    for wrong in (["--budget", "much"], ["--fastest"], ["--since", "soon"]):
        assert place.run("optimize", *wrong).exit_code == ExitCode.FAILED


def test_a_forecast_without_days_on_record_says_so(place):
    found = place.json("forecast")
    assert set(found["periods"]) == {"day", "week", "month"}
    total = found["periods"]["month"]["total"]
    assert (total["spent_usd"], total["replays"]) == ("1.500000000001", 0)
    assert "usual spread" in place.run("forecast").stdout


def test_budgets_are_listed_with_when_they_are_crossed(place):
    document = json.loads(place.config.read_text())
    document["budgets"] = [
        {"name": "all", "limit_usd": 1},
        {"name": "wide", "limit_usd": 100000, "scope": "provider", "of": document["channels"][0]["provider"]},
    ]
    place.config.write_text(json.dumps(document))
    arguments = ["budget", "list", "--config", str(place.config)]
    rows = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)["budgets"]
    assert [(row["name"], row["window"], row["spent_usd"]) for row in rows] == [
        ("all", "month", "1.500000000001"),
        ("wide", "month", "1.500000000001"),
    ]
    assert rows[0]["crossing_at"] is not None
    shown = CliRunner().invoke(app, arguments).stdout
    assert "spent" in shown
    assert "not expected" in shown


def test_savings_say_that_nothing_is_measured_yet(place):
    place.keep(entry(1, "0.25"))
    row = place.json("savings")
    assert row["net_usd"] is None
    assert "nothing is measured yet" in row["missing"]
    assert row["month"] == time.strftime("%Y-%m", time.gmtime(NOW))
    said = place.run("savings").stdout
    assert "savings cannot be stated yet" in said
    assert "savings" not in place.json("report")


def test_savings_are_measured_net_and_in_the_months_report(place):
    place.write(savings={"running_usd_per_month": 73, "setup_usd": 10})

    async def work() -> None:
        store = await open_store(load_settings(place.config))
        assert isinstance(store, ExperimentedStore)
        kept = store.experiments
        routes = {
            RouteName("chat"): Route(
                name=RouteName("chat"),
                targets=tuple(Target(channel=ChannelId(name), weight=0.5) for name in "ab"),
            )
        }
        steering = Steering(autopilot=Autopilot.ACT)
        held_out = HeldOut(
            settings=HeldOutSettings(control_share=0.5),
            counting=Counting(kept, dict),
            runs=kept.runs,
            steering=steering,
            routes=lambda: routes,
            month=lambda _: time.strftime("%Y-%m", time.gmtime(NOW)),
        )
        await held_out.update(NOW - 10.0)
        entries = []
        for n in range(1000):
            found = draw(steering.held_out[RouteName("chat")], {Unit.REQUEST: f"r{n}"}.get, NOW)
            usd = Decimal("0.5") if found[0].arm.name == "steered" else Decimal("1.0")
            one = entry(n, str(usd + Decimal(n % 5) / 10))
            entries.append(replace(one, attempt=replace(one.attempt, arms=(found[0].mark,), hedge=False)))
        await store.ledger.append(entries)
        await held_out.update(NOW)
        await store.close()

    asyncio.run(work())
    row = place.json("savings")
    assert row["change"]["upper"] < 0
    assert row["is_sure"]
    assert row["gross_usd"]["lower"] > 0
    assert row["net_usd"]["value"] == pytest.approx(
        row["gross_usd"]["value"] - row["running_usd"] - row["hedges_usd"]
    )
    assert row["payback_days"] > 0
    assert "saved, net" in place.run("savings").stdout
    assert place.json("report")["savings"]["requests"] == row["requests"]
    assert "Savings of" in place.run("report").stdout
    assert "savings" not in place.json("report", "--period", "day")

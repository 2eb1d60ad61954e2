# ruff: noqa: PLC0415 - each verb loads what it needs when it runs
"""`foreroute cost`: what was spent, on what, at which prices. Works on the store's file itself."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from foreroute.cli.bill_options import Bill, Named, Only, Rate, Service, Since, Source, TimeZone, Until
from foreroute.cli.options import AsJson
from foreroute.cli.say import print_json
from foreroute.cli.series import ConfigOption


class PeriodName(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    HTML = "html"
    FOCUS = "focus"


_Period = Annotated[
    PeriodName, typer.Option("--period", help="Calendar periods in the time zone of `cost.time_zone`.")
]
_Since = Annotated[
    str,
    typer.Option("--since", metavar="DURATION", help="The traffic and the metrics of so long, such as 6h."),
]
_Back = Annotated[
    int, typer.Option("--back", min=0, max=1000, metavar="N", help="So many periods ago; 0: the present one.")
]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="What was spent, on what, and at which prices.",
    )
    verbs.command("show")(show)
    verbs.command("report")(report)
    verbs.command("forecast")(forecast)
    verbs.command("frontier")(frontier)
    verbs.command("optimize")(optimize)
    verbs.command("savings")(savings)
    verbs.command("prices")(prices)
    verbs.command("reconcile")(reconcile)
    verbs.command("reprice")(reprice)
    app.add_typer(verbs, name="cost")
    app.command("report")(report)  # what people look for by this name


def show(
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="WHAT",
            help="channel, model, provider, cloud, region, route, key, team, tag, kind or day.",
        ),
    ] = "channel",
    period: _Period = PeriodName.MONTH,
    back: _Back = 0,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Say what a period has cost, told apart in one way. The lines add up to the total exactly."""
    from foreroute.cli.cost_report import by_named, division, load, show_division

    division_by = by_named(by)
    found = load(config, period.value, back)
    if as_json:
        print_json(division(found.report, division_by))
    else:
        show_division(found.report, division_by)


def report(
    period: _Period = PeriodName.MONTH,
    back: _Back = 0,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="`html` stands alone and needs the extra `report`; `focus` is a FOCUS 1.2 data set, by day.",
        ),
    ] = Format.TABLE,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Instead of stdout.", show_default=False),
    ] = None,
    send: Annotated[
        str | None,
        typer.Option("--send", metavar="NAME", help="To the receivers of this one of `cost.reports`, now."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --send: say what would be sent, and to whom.")
    ] = False,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Report what a period has cost, told apart in every way. Each division adds up to the same total exactly."""
    from foreroute.cli.cost_report import load, put, show_report

    if send is not None:
        from foreroute.cli.cost_send import Sending, sent, show_sent

        answer = sent(config, Sending(send, period.value, back, dry_run=dry_run))
        if as_json:
            print_json(answer)
        else:
            show_sent(answer)
        return
    wanted = Format.JSON if as_json else form
    if wanted is Format.HTML:
        from foreroute.cli.cost_page import check

        check()
    found = load(config, period.value, back)
    if wanted is Format.TABLE and output is None:
        show_report(found)
        return
    put(found, wanted.value, output)


def forecast(
    record: Annotated[
        bool,
        typer.Option("--record", help="How well it has done: error and coverage of what was said before."),
    ] = False,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Say what the day, the week and the month will have cost at their end. With the interval that holds 80 %."""
    from foreroute.cli.cost_forecast import forecasts, show_forecasts

    if record:
        from foreroute.cli.cost_grades import recorded, show_record

        grades = recorded(config)
        if as_json:
            print_json(grades)
        else:
            show_record(grades)
        return
    answer = forecasts(config)
    if as_json:
        print_json(answer)
    else:
        show_forecasts(answer)


def frontier(since: _Since = "24h", config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Say which channels are worth their price, route by route. Dominated ones are named with what is better in price,
    latency, success and quality.
    """
    from foreroute.cli.cost_optimum import frontiers, show_frontiers

    rows = frontiers(config, since)
    if as_json:
        print_json({"routes": rows})
    else:
        show_frontiers(rows)


def optimize(
    since: _Since = "24h",
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="USD", help="The most that a day may cost.")
    ] = None,
    fastest: Annotated[
        bool, typer.Option("--fastest", help="The best latency within the budget, instead of the least cost.")
    ] = False,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Find the cheapest shares that keep every promise: latency, success, quality, regions, quotas and budget. Where
    there are none, say what must give, and by how much. Changes nothing. Needs the extra `cost`.
    """
    from foreroute.cli.cost_optimum import optimum, show_optimum

    row = optimum(config, since, budget, fastest=fastest)
    if as_json:
        print_json(row)
    else:
        show_optimum(row)


def savings(
    back: Annotated[
        int, typer.Option("--back", min=0, max=1000, metavar="N", help="So many months ago; 0: this one.")
    ] = 0,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Say what steering by the cost optimum has saved this month: measured against requests that were held out, with
    a 95 % interval, after probes, hedges and the running cost.
    """
    from foreroute.cli.cost_savings import measured, show_savings

    row = measured(config, back)
    if as_json:
        print_json(row)
    else:
        show_savings(row)


def prices(config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Say what each channel costs now, and where that comes from. A channel without a price is named as such."""
    from foreroute.cli.cost_prices import listed, show_prices

    rows = listed(config)
    if as_json:
        print_json({"prices": rows})
    else:
        show_prices(rows)


def reconcile(
    bill: Bill = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    named: Named = None,
    only: Only = None,
    service: Service = None,
    rate: Rate = None,
    time_zone: TimeZone = "UTC",
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Compare a provider's bill with the ledger, day by day and model by model. Changes nothing."""
    from foreroute.cli.cost_reconcile import Wanted, compared, show_differences

    wanted = Wanted(
        bill,
        source,
        since,
        until,
        tuple(named or ()),
        tuple(only or ()),
        service,
        tuple(rate or ()),
        time_zone,
    )
    answer = compared(config, wanted)
    if as_json:
        print_json(answer)
    else:
        show_differences(answer)


def reprice(
    since: Annotated[
        str, typer.Option("--since", metavar="DURATION", help="How far back, such as 30d.")
    ] = "30d",
    channel: Annotated[str | None, typer.Option("--channel", metavar="ID", help="Only this one.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Priced attempts too. Without it: those that have no price yet.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would come to.")] = False,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Price recorded attempts anew, at the prices of their day as they are known now. Each change is a row of its own;
    what was written stays.
    """
    from foreroute.cli.cost_reprice import repriced, show_repriced

    answer = repriced(config, since=since, channel=channel, every=every, dry_run=dry_run)
    if as_json:
        print_json(answer)
    else:
        show_repriced(answer)

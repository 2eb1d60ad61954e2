"""All verbs under one name, and the one place where an error becomes a message and an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from foreroute import __version__
from foreroute.cli import (
    alerts,
    backtest,
    budget,
    chaos,
    clouds,
    collect,
    compare,
    cost,
    detect,
    doctor,
    experiment,
    geo,
    heal,
    imports,
    incidents,
    init,
    keys,
    models,
    playbook,
    read,
    regions,
    replay,
    rollout,
    scorecard,
    series,
    simulate,
    start,
    steer,
    teams,
)
from foreroute.cli.exits import exit_code_of
from foreroute.cli.language import VARIABLE, Language, language_of, speaking
from foreroute.cli.say import report
from foreroute.core.errors import ForerouteError


class Program(TyperGroup):
    """Reports errors without a traceback; as JSON when `--json` was among the arguments."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **more: Any) -> Any:
        given = sys.argv[1:] if args is None else list(args)
        as_json = "--json" in given
        with speaking(language_of(given, os.environ)):
            self._run(given, rest, more, as_json=as_json)

    def _run(self, given: list[str], rest: Any, more: dict[str, Any], *, as_json: bool) -> None:
        try:
            # Typer prints usage errors as text by itself; in JSON they are reported here.
            sys.exit(super().main(given, *rest, **(more | {"standalone_mode": not as_json})) or 0)
        except ForerouteError as error:
            report(error, as_json=as_json)
            sys.exit(exit_code_of(error))
        except typer.TyperException as error:
            report(error, as_json=as_json)
            sys.exit(error.exit_code)


# Rich help and tracebacks cost a third of a second at every start; tables use rich where a verb prints one.
app = typer.Typer(
    cls=Program,
    name="foreroute",
    help=(
        "Foreroute forecasts every LLM channel's latency, failures and cost, and reroutes before users notice.\n\n"
        "Try `foreroute demo`: it needs no keys."
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"foreroute {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit."),
    ] = False,
    lang: Annotated[
        Language | None,
        typer.Option(
            "--lang",
            envvar=VARIABLE,
            help="What results and errors are told in. Default: as the locale says. JSON is always English.",
        ),
    ] = None,
) -> None:
    pass


for _verbs in (
    start,
    init,
    doctor,
    read,
    detect,
    cost,
    budget,
    clouds,
    steer,
    rollout,
    alerts,
    incidents,
    heal,
    playbook,
    experiment,
    simulate,
    compare,
    chaos,
    replay,
    backtest,
    models,
    series,
    collect,
    keys,
    teams,
    imports,
    regions,
    geo,
    scorecard,
):
    _verbs.register(app)


def main() -> None:
    """The entry point of `foreroute` and of `python -m foreroute`."""
    app()

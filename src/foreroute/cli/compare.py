# ruff: noqa: PLC0415 - numpy, the stages and the tables are loaded when they are needed
"""`foreroute simulate compare`: Foreroute, others and an oracle in the same simulated worlds, seed by seed."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from foreroute.cli.options import AsJson
from foreroute.cli.say import CommandError, print_json

if TYPE_CHECKING:
    from foreroute.simulate.compare import Contest, Entrant
    from foreroute.simulate.compare_table import ByPolicy

_SEEDS: Final = 20
_QUICK_SEEDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    scenarios: Sequence[str]
    policies: Sequence[str]
    seeds: int
    warm_up: str | None
    results: Path | None


def register(app: typer.Typer) -> None:
    """Into the group `simulate`, which is made if it is not there yet."""
    groups = (one.typer_instance for one in app.registered_groups if one.name == "simulate")
    group = next((one for one in groups if one is not None), None)
    if group is None:
        group = typer.Typer(
            name="simulate", help="Simulated worlds: what would happen.", no_args_is_help=True
        )
        app.add_typer(group, name="simulate")
    group.command("compare")(compare)


def compare(
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario",
            metavar="NAME",
            help="A built-in scenario or a file; may be given again. Default: six of those whose names begin with compare-.",
        ),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="NAME", help="Only these; may be given again. Default: all."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            min=1,
            max=10_000,
            help="How often each scenario is played. Default: 20; with --quick 2.",
        ),
    ] = None,
    warm_up: Annotated[
        str | None,
        typer.Option(
            "--warm-up",
            metavar="DURATION",
            help="Calm traffic before each story, in place of the scenario's own.",
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Three scenarios and two seeds.")] = False,
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="FOLDER",
            help="Keep the figures of each run here; what is there already is not played again.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write a report that opens without a network."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play policies against each other: the same worlds, the same users, the same luck, and an oracle beside them.

    Every figure comes with a 95 % interval over the seeds; differences are taken seed by seed.
    """
    from foreroute.cli import compare_page
    from foreroute.cli.compare_answer import answer_of
    from foreroute.cli.compare_view import show
    from foreroute.simulate.compare_contests import QUICK, STANDARD

    if html is not None:
        compare_page.check(html)
    wanted = Wanted(
        scenarios=scenario or (QUICK if quick else STANDARD),
        policies=tuple(policy or ()),
        seeds=seeds or (_QUICK_SEEDS if quick else _SEEDS),
        warm_up=warm_up,
        results=results,
    )
    contests = _contests(wanted)
    chosen, left_out = _entrants(wanted)
    found = _play(wanted, contests, chosen)
    answer = answer_of(found, contests, chosen, seeds=wanted.seeds, left_out=left_out)
    if html is not None:
        compare_page.write(html, answer)
    if as_json:
        print_json(answer)
    else:
        show(answer)


def _contests(wanted: Wanted) -> "list[Contest]":
    from foreroute.settings.units import seconds
    from foreroute.simulate.compare_contests import contest_of

    warm_up_s = None
    if wanted.warm_up is not None:
        try:
            warm_up_s = seconds(wanted.warm_up)
        except ValueError as error:
            raise CommandError(str(error), where="--warm-up", hint="such as 60m") from None
    return [contest_of(name, warm_up_s=warm_up_s) for name in dict.fromkeys(wanted.scenarios)]


def _entrants(wanted: Wanted) -> "tuple[list[Entrant], list[str]]":
    """Who plays, and a sentence for everybody who does not for want of a package."""
    from foreroute.app.policies import ROUTEWISE, entrants
    from foreroute.simulate.policies import routewise

    there = {one.name: one for one in entrants()}
    missing = [] if ROUTEWISE in there else [ROUTEWISE]
    for name in wanted.policies:
        if name in missing:
            raise routewise.missing()
        if name not in there:
            raise CommandError(
                f"there is no policy {name}", where="--policy", hint=f"known: {', '.join([*there, *missing])}"
            )
    chosen = [one for name, one in there.items() if not wanted.policies or name in wanted.policies]
    return chosen, [str(routewise.missing())] if missing and not wanted.policies else []


def _play(
    wanted: Wanted, contests: "Sequence[Contest]", chosen: "Sequence[Entrant]"
) -> "Mapping[str, ByPolicy]":
    import foreroute
    from foreroute.simulate.compare import compare as play_all
    from foreroute.simulate.compare_kept import KeptFigures, program_of

    kept = KeptFigures(wanted.results, program_of(Path(foreroute.__file__).parent))
    return play_all(contests, chosen, range(1, wanted.seeds + 1), kept=kept, tell=_tell)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")

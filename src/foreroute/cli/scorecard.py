# ruff: noqa: PLC0415 - the verb loads what it needs when it runs
"""`foreroute scorecard`: every success criterion, measured by the benchmarks of a source checkout."""

from pathlib import Path
from typing import Annotated

import typer

from foreroute.cli.say import CommandError


def register(app: typer.Typer) -> None:
    app.command("scorecard")(scorecard)


def scorecard(
    quick: Annotated[
        bool, typer.Option("--quick", help="In short: fewer series and seeds, about five minutes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write a page that stands alone.", metavar="FILE")
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            "--write",
            help="Also write it as Markdown; a full run also keeps its figures for the documents.",
            metavar="FILE",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", help="Only the criteria of this benchmark; may be repeated.", metavar="BENCHMARK"
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what this version has measured already.")
    ] = False,
) -> None:
    """Measure every success criterion. What misses its target is shown first.

    Needs a source checkout: the benchmarks are not part of the package. An interrupted run goes on where it stopped.
    Exits with 1 unless all criteria hold.
    """
    import subprocess
    import sys

    root = checkout()
    for name, path in (("--html", html), ("--write", write)):
        if path is not None and not path.absolute().parent.is_dir():
            raise CommandError(
                f"{path.parent} is no folder", where=name, hint="name a file, such as scorecard.html"
            )
    options = [
        *(["--quick"] if quick else []),
        *(["--json"] if as_json else []),
        *(["--fresh"] if fresh else []),
        *(part for one in only or () for part in ("--only", one)),
        *(part for name, path in (("--html", html), ("--write", write)) if path for part in (name, str(path.absolute()))),
    ]  # fmt: skip
    command = (sys.executable, "-m", "bench.scorecard", *options)
    done = subprocess.run(command, cwd=root, check=False)  # noqa: S603 - this program itself, no shell
    raise typer.Exit(done.returncode)


def checkout() -> Path:
    """The source checkout that this program runs from. Raises CommandError when it does not."""
    root = Path(__file__).parents[3]
    if not (root / "bench" / "scorecard").is_dir():
        raise CommandError(
            "the scorecard runs the benchmarks, which are not part of the installed package",
            hint="clone the source and run `make demo` there once, then `.venv/bin/foreroute scorecard`",
        )
    return root

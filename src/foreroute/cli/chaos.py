# ruff: noqa: PLC0415 - the gateway and its faults are loaded when the verb runs
"""`foreroute chaos`: faults put into loopback channels, and what the gateway makes of each."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from foreroute.cli.options import AsJson
from foreroute.cli.say import CommandError, console, print_json, table

if TYPE_CHECKING:
    from foreroute.chaos.fault import Fault
    from foreroute.chaos.judge import Finding

_FAILED: Final = 1


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Faults put into loopback channels, and what the gateway makes of each.",
    )
    verbs.command("run")(run)
    verbs.command("list")(list_)
    app.add_typer(verbs, name="chaos")


def run(
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="NAME", help="Only this fault (`foreroute chaos list`); may be repeated."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Shorter faults, and none that needs the control loop.")
    ] = False,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Also write all rows as Markdown.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play every fault against the real gateway, on real sockets of this machine and virtual time.

    For each: no answer beyond the deadline; a whole answer or a typed error; every attempt in the books, failures under
    the right class; the channel serves again within 60 s after the fault. Exits with 1 unless all hold.
    """
    from foreroute.chaos.play import play

    findings: list[Finding] = []
    for fault in _chosen(only or [], quick=quick):
        finding = play(fault, quick=quick)
        findings.append(finding)
        if not as_json:
            typer.echo(_line(finding))
    failed = sum(not one.passed for one in findings)
    if write is not None:
        _write(write, findings)
    if as_json:
        print_json({"faults": [_fields(one) for one in findings], "failed": failed})
    else:
        untested = sum(bool(one.untested) for one in findings)
        note = f", {untested} could not be played here" if untested else ""
        typer.echo(
            f"{len(findings) - failed - untested} of {len(findings)} faults came out as they have to{note}"
        )
    raise typer.Exit(_FAILED if failed else 0)


def list_(as_json: AsJson = False) -> None:
    """Say which faults there are."""
    from foreroute.chaos.catalogue import FAULTS

    rows = [{"name": one.id, "group": one.group, "what": one.what} for one in FAULTS]
    if as_json:
        print_json(rows)
        return
    shown = table("name", "group", "what")
    for row in rows:
        shown.add_row(*row.values())
    console().print(shown)


def _chosen(only: list[str], *, quick: bool) -> "list[Fault]":
    from foreroute.chaos.catalogue import FAULTS

    known = {fault.id for fault in FAULTS}
    if unknown := [name for name in only if name not in known]:
        raise CommandError(
            f"no fault is called {unknown[0]}",
            where="--only",
            hint="`foreroute chaos list` names all of them",
        )
    if only:
        return [fault for fault in FAULTS if fault.id in only]
    return [fault for fault in FAULTS if not (quick and fault.course.control)]


def _line(one: "Finding") -> str:
    if one.untested:
        return f"untested  {one.fault}: {one.untested}"
    verdict = "good" if one.passed else "WRONG"
    back = "" if one.back_s is None else f", back after {one.back_s:.1f} s"
    head = (
        f"{verdict:<9} {one.fault}: {one.bad} of {one.requests} answers bad, {one.reached} reached it{back}"
    )
    return "\n".join([head, *(f"          - {problem}" for problem in one.problems)])


def _fields(one: "Finding") -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(one), "passed": one.passed}


def _write(path: Path, findings: "list[Finding]") -> None:
    from foreroute.chaos.page import page

    try:
        path.write_text(page(findings), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}", where="--write") from None

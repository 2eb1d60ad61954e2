# ruff: noqa: PLC0415 - the store's libraries are loaded when it is read
"""`foreroute audit verify`: whether the account of who did what is still as it was written."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from foreroute.cli.exits import ExitCode
from foreroute.cli.options import AsJson, ConfigFile, config_path

if TYPE_CHECKING:
    from foreroute.control.audit_trail import Verdict
    from foreroute.store.sqlite import SqliteStore

_ALL: Final = 2**31


def register(app: typer.Typer) -> None:
    audit = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Check the account of who changed what, which is chained so that tampering shows.",
    )
    audit.command("verify")(verify)
    app.add_typer(audit, name="audit")


def verify(
    config: ConfigFile = None,
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="HASH",
            help="A hash from the log that must still be there: shows a cut-off end.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that no audit record was changed, removed or slipped in.

    Reads the store beside a running server. Ends with 1 when the chain is broken.
    """
    from dataclasses import asdict

    from foreroute.cli.say import console, print_json, text
    from foreroute.cli.series_store import on_file
    from foreroute.control.audit_trail import verify as look
    from foreroute.control.decision_log import AUDIT
    from foreroute.settings import load_settings
    from foreroute.settings.load import reveal

    settings = load_settings(config_path(config))
    key = reveal(settings.store.audit_key)

    async def work(store: "SqliteStore") -> "Verdict":
        return look(await store.records.read(AUDIT, limit=_ALL), key=key, head=head)

    verdict = on_file(settings, work)
    if as_json:
        print_json({"ok": verdict.broken is None, **asdict(verdict)})
    else:
        keyed = f", {verdict.keyed} of them keyed" if verdict.records else ""
        older = f"; {verdict.before} older ones are not chained" if verdict.before else ""
        console().print(text(f"{verdict.records} chained audit records{keyed}{older}"))
        console().print(text(f"head {verdict.head or 'none'}"))
        console().print(
            text("the chain holds", "green")
            if verdict.broken is None
            else text(f"broken: {verdict.broken}", "red")
        )
    if verdict.broken is not None:
        raise typer.Exit(ExitCode.FAILED)

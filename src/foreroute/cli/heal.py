# ruff: noqa: PLC0415 - the classifier, the store and the tables are loaded when they are needed
"""`foreroute heal`: name the cause of failures, show what has been learnt from them, and what is tuned."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from foreroute.cli.heal_tune import tune
from foreroute.cli.options import AsJson, ConfigFile
from foreroute.cli.say import CommandError, print_json

FailureFile = Annotated[
    Path,
    typer.Option("--jsonl", metavar="FILE", help="Failures, one JSON object a line; `-` reads stdin."),
]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Causes of failures, what was learnt from them, and tuned limits.",
    )
    verbs.command("diagnose")(diagnose)
    verbs.command("patterns")(patterns)
    verbs.command("tune")(tune)
    app.add_typer(verbs, name="heal")


def diagnose(
    file: FailureFile,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say also what decided, the family, and what it means.")
    ] = False,
) -> None:
    """Name the cause of each failure: {id, label, confidence, action} a line, in the order of the file.

    A line that is no failure record gets {id, line, error} in its place; the exit code is then 1.
    """
    if str(file) == "-":
        faulty = _diagnose(sys.stdin.buffer, explain=explain)
    else:
        try:
            with file.open("rb") as lines:
                faulty = _diagnose(lines, explain=explain)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}", where="--jsonl") from None
    if faulty:
        raise CommandError(
            f"{faulty} line{'s' if faulty > 1 else ''} could not be read; all others were diagnosed",
            where=str(file),
            hint="each is answered in its place by an object with `line` and `error`",
        )


def patterns(
    config: ConfigFile = None,
    as_json: AsJson = False,
    kind: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="Only those mostly taken for this class.")
    ] = None,
) -> None:
    """Show the kinds of failures that were seen, and what was learnt of each channel.

    Messages are shown without keys, numbers, names and every word that is not of the language of failures. A server
    that runs writes down what it has learnt every ten minutes and at its end.
    """
    from foreroute.cli.pattern_view import fields_of, learnt_by, show
    from foreroute.clock import SystemClock
    from foreroute.core.failure import FailureClass

    if kind is not None and kind not in set(FailureClass):
        known = ", ".join(sorted(FailureClass))
        raise CommandError(f"there is no class {kind!r}", where="--class", hint=f"one of: {known}")
    learning = learnt_by(config)
    found = [one for one in learning.patterns() if kind in (None, one.kind.value)]
    facts = learning.facts(SystemClock().now())
    if as_json:
        print_json(fields_of(found, facts))
        return
    show(found, facts)


def _diagnose(lines: IO[bytes] | Iterable[bytes], *, explain: bool) -> int:
    """Answers every line that is not blank; returns how many were no records."""
    import orjson

    from foreroute.heal.classify import default_classifier
    from foreroute.heal.records import RecordFault, record_of

    classifier, faulty = default_classifier(), 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        answer: dict[str, Any]
        try:
            record = record_of(line, number)
        except RecordFault as fault:
            faulty += 1
            answer = {"id": fault.id, "line": number, "error": str(fault)}
        else:
            answer = {"id": record.id} | _said(classifier.verdict(record.evidence), explain=explain)
        sys.stdout.write(orjson.dumps(answer).decode() + "\n")
    sys.stdout.flush()
    return faulty


def _said(verdict: Any, *, explain: bool) -> dict[str, Any]:
    from foreroute.core.failure import FAILURE_ADVICE
    from foreroute.heal.verdict import action_of

    answer = {
        "label": verdict.kind.value,
        "confidence": round(verdict.confidence, 4),
        "action": action_of(verdict.kind),
    }
    if not explain:
        return answer
    advice = FAILURE_ADVICE[verdict.kind]
    return answer | {
        "basis": verdict.basis,
        "family": advice.family.value,
        "counts_against_channel": advice.counts_against_channel,
    }

"""python -m bench.scorecard [--quick] [--json] [--html FILE] [--write FILE] [--only NAME]: every success criterion, measured.

Exits with 1 when a criterion is missed, could not be measured, or is measured by nothing yet.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.figures import RECORD, Figures, read, write
from bench.scorecard.criteria import CRITERIA, INSTRUMENTS, Instrument
from bench.scorecard.measure import Measured, measure
from bench.scorecard.page import appendix, html, markdown, show
from bench.scorecard.score import card
from bench.version import ROOT, version


def main() -> int:
    arguments = _parser().parse_args()
    found_version = version()
    extent = "quick" if arguments.quick else "full"
    instruments = [one for one in INSTRUMENTS if not arguments.only or one.name in arguments.only]
    names = {one.name for one in instruments}
    criteria = [one for one in CRITERIA if not arguments.only or one.instrument in names]
    measured = measure(
        instruments,
        quick=arguments.quick,
        folder=arguments.state / f"{found_version}-{extent}",
        fresh=arguments.fresh,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    made = card(criteria, measured, version=found_version, quick=arguments.quick)
    figures = read(RECORD)
    if arguments.write and not arguments.quick:
        figures = renewed(figures, instruments, measured, version=found_version)
        write(RECORD, figures)
    if arguments.write:
        page = markdown(made, _made_by(quick=arguments.quick)) + appendix(figures)
        arguments.write.write_text(page, encoding="utf-8")
    if arguments.html:
        arguments.html.write_text(html(made), encoding="utf-8")
    if arguments.json:
        print(json.dumps(made.as_dict(), ensure_ascii=False))
    else:
        show(made)
    return 0 if made.holds else 1


def renewed(
    figures: Figures, instruments: Sequence[Instrument], measured: Mapping[str, Measured], *, version: str
) -> Figures:
    """The record with what has just been measured; a benchmark that failed keeps its last run."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    for one in instruments:
        found = measured[one.name].figures
        if found:
            rows = [{**row, "id": name} for name, row in found.items()]
            figures = figures.replaced(one.name, rows, version=version, day=day, quick=one.in_short)
    return figures


def _made_by(*, quick: bool) -> str:
    return f"foreroute scorecard{' --quick' if quick else ''} --write docs/scorecard.md"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="foreroute scorecard", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="in short: fewer series and seeds, about five minutes"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page that stands alone")
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="also write it as Markdown; a full run keeps its figures for the documents, too",
    )
    parser.add_argument("--only", action="append", choices=[one.name for one in INSTRUMENTS], metavar="NAME",
                        help="only the criteria of this benchmark; may be repeated")  # fmt: skip
    parser.add_argument(
        "--fresh", action="store_true", help="measure again what this version has measured already"
    )
    parser.add_argument("--state", type=Path, default=ROOT / ".scorecard", metavar="FOLDER",
                        help="where what was measured is kept, so that an interrupted run goes on")  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""python -m bench NAME [--json] [--quick] [--write FILE] [--record]: runs one benchmark and prints its table."""

import argparse
import importlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench.figures import RECORD, record
from bench.report import Row, show

_NO_BENCHMARKS: Final = frozenset(
    {"__init__", "__main__", "figures", "marks", "peers", "policies_tables", "report", "scorecard", "version"}
)


def names() -> list[str]:
    here = Path(__file__).parent
    modules = [*here.glob("*.py"), *(path.parent for path in here.glob("*/__init__.py"))]
    return sorted(path.stem for path in modules if path.stem not in _NO_BENCHMARKS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, under a minute")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="also write the benchmark's page, if it has one"
    )
    parser.add_argument(
        "--record", action="store_true", help=f"also keep the figures in {RECORD.name}, for the documents"
    )
    arguments = parser.parse_args()
    benchmark = importlib.import_module(f"bench.{arguments.name}")
    if arguments.write and not hasattr(benchmark, "document"):
        parser.error(f"{arguments.name} has no page to write")
    rows: list[Row] = benchmark.run(quick=arguments.quick)
    if arguments.write:
        arguments.write.write_text(benchmark.document(rows), encoding="utf-8")
    if arguments.record:
        record(arguments.name, [asdict(row) for row in rows], quick=arguments.quick)
    show(rows, as_json=arguments.json)
    return 1 if any(row.holds is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

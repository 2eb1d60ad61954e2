"""python -m bench NAME [--json] [--quick]: runs one benchmark and prints its table."""

import argparse
import importlib
import sys
from pathlib import Path

from bench.report import Row, show


def names() -> list[str]:
    here = Path(__file__).parent
    return sorted(
        path.stem for path in here.glob("*.py") if path.stem not in ("__init__", "__main__", "report")
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, under a minute")
    arguments = parser.parse_args()
    rows: list[Row] = importlib.import_module(f"bench.{arguments.name}").run(quick=arguments.quick)
    show(rows, as_json=arguments.json)
    return 1 if any(row.holds is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

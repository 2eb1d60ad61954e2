"""Fit the trained part of the failure classifier and write it into the package.

    python -m scripts.train_failure_model [--failures FILE] [--out FILE]

Needs the extra `ml`. Without the shared failures beside the checkout it learns from the project's own alone. Run again,
it writes the same file: nothing in it depends on time or chance.
"""

import argparse
import json
from pathlib import Path
from typing import Final

from bench.heal.failures import SHARED, own, read
from bench.heal.fit import as_json, fit_text_model, pooled_reliability

from foreroute.heal.text_model import fields_of

_OUT: Final = Path(__file__).parents[1] / "src" / "foreroute" / "heal" / "failure_model.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", type=Path, default=SHARED, metavar="FILE", help="labelled failures")
    parser.add_argument("--out", type=Path, default=_OUT, metavar="FILE", help="where the model goes")
    arguments = parser.parse_args()
    mine = own()
    shared = read(arguments.failures) if arguments.failures.exists() else []
    judged, extra = (shared, mine) if shared else (mine, [])
    fields = fields_of(fit_text_model([*judged, *extra])) | as_json(pooled_reliability(judged, extra))
    arguments.out.write_text(json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    print(f"{len(judged) + len(extra)} failures, {len(fields['words'])} words: {arguments.out}")


if __name__ == "__main__":
    main()

"""The one table that every benchmark prints."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured figure. `target` None: no promise is made; `baseline` names what it is compared with."""

    id: str
    what: str
    value: float
    unit: str
    target: str | None = None
    holds: bool | None = None
    baseline: str | None = None
    how: str = ""
    interval: tuple[float, float] | None = None
    """95 %, where there is one."""
    cells: Mapping[str, Any] | None = None
    """What stands behind the figure, by the name of who made it; only in the JSON form."""


def show(rows: Sequence[Row], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}))
        return
    table = Table("id", "what", "value", "unit", "target", "holds", "baseline")
    for row in rows:
        holds = {True: "yes", False: "NO", None: ""}[row.holds]
        table.add_row(
            row.id, row.what, f"{row.value:.4g}", row.unit, row.target or "", holds, row.baseline or ""
        )
    Console().print(table)
    for how in dict.fromkeys(row.how for row in rows if row.how):
        print(f"how: {how}")

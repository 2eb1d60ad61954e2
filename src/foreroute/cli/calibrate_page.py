# ruff: noqa: PLC0415 - Plotly is loaded when a report is written
"""The report of a calibration: simulated and real distributions of the part that was held out, one over the other."""

from datetime import UTC, datetime
from html import escape
from typing import Any, Final

import numpy as np

from foreroute.cli.page_file import BLUE, GREY, INK, drawn, page_of, table
from foreroute.simulate.calibrate import Calibration
from foreroute.simulate.likeness import Likeness, Sample

Row = dict[str, Any]
_POINTS: Final = 400
_DRAWN_MAX: Final = 24
_NOTE: Final = (
    '<p class="note">KS: the largest difference between the two distribution functions, 0 to 1. Beside it the same between '
    "the two parts of the real data: the world itself has changed by so much between what was learnt from and what was "
    "held out, and no model of the first part can be expected to be nearer to the second.</p>"
)


def page(found: Calibration, answer: Row) -> str:
    split = datetime.fromtimestamp(found.split_at, UTC).strftime("%d %b %Y %H:%M UTC")
    charts = "".join(
        f"<section>{drawn(_figure(one), f'likeness{number}', 360)}</section>"
        for number, one in enumerate(found.likenesses[:_DRAWN_MAX])
    )
    left = len(found.likenesses) - _DRAWN_MAX
    more = f"<p>{left} more are in the table and not drawn.</p>" if left > 0 else ""
    missing = (
        f"<p>Left out, with too few requests: {escape(', '.join(found.left_out))}.</p>"
        if found.left_out
        else ""
    )
    body = (
        f"<h1>A world learnt from real requests</h1><p>Learnt from what came before {split}; the requests after it were sent "
        "through the learnt channels, at the instants at which they came and with the tokens that they had.</p>"
        f"{_rows(answer)}{_NOTE}{missing}{charts}{more}"
    )
    return page_of("Foreroute calibration", body)


def _rows(answer: Row) -> str:
    heads = ["what", "unit", "held out", "learnt from", "KS", "KS of the real parts"]
    heads += [f"{rank} {kind}" for rank in ("p50", "p95", "p99") for kind in ("real", "simulated")]
    return table(
        heads,
        (
            [
                row["name"],
                row["unit"],
                f"{row['held_out']:,}",
                f"{row['learnt_from']:,}",
                _share(row["ks"]),
                _share(row["ks_of_learnt_part"]),
                *(
                    f"{row[kind][rank]:.4g}"
                    for rank in ("p50", "p95", "p99")
                    for kind in ("real", "simulated")
                ),
            ]
            for row in answer["likeness"]
        ),
    )


def _figure(one: Likeness) -> Any:
    from plotly.graph_objects import Figure

    figure = Figure()
    for name, sample, colour, dash in (
        ("real, held out", one.real, INK, "solid"),
        ("simulated", one.simulated, BLUE, "solid"),
        ("real, learnt from", one.learnt, GREY, "dot"),
    ):
        x, y = _course(sample)
        figure.add_scatter(
            x=x, y=y, name=name, mode="lines", line={"color": colour, "dash": dash, "width": 1.8}
        )
    figure.update_xaxes(title=one.unit, type="log" if one.unit != "requests" else "linear")
    figure.update_yaxes(title="part of the requests at or below", range=[0, 1], tickformat=".0%")
    figure.update_layout(title=one.name)
    return figure


def _course(sample: Sample) -> tuple[list[float], list[float]]:
    """The distribution function at so many points."""
    if not len(sample.values):
        return [], []
    order = np.argsort(sample.values, kind="stable")
    total = np.cumsum(sample.weights[order])
    places = np.unique(np.linspace(0, len(order) - 1, _POINTS).astype(int))
    return [float(x) for x in sample.values[order][places]], [float(y / total[-1]) for y in total[places]]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"

"""A month against its budget on virtual time, with pacing and without: `python -m bench budget` (15 s of one core; a tick is five minutes).

Five months of the same kind of traffic, which differ in what the forecast does not know. The settings of the pace were
chosen on seed 1; the rows are of seeds 11 to 13, which nothing was chosen on.
"""

from statistics import mean

from bench.budget.month import Course, Month, run_month
from bench.report import Row

MONTHS = {
    "as forecast": Month(growth=0.0),
    "growing by 30 %": Month(),
    "half as much again from the tenth day": Month(growth=0.0, jump=0.5),
    "a tight budget": Month(limit_ratio=0.5),
    "a budget with room": Month(limit_ratio=1.1, growth=0.0),
}
SEEDS = (11, 12, 13)
TICK_S = 300.0
_HOW = "300 s ticks of decide() for 30 days; three channels at $0.020, $0.008 and $0.002 a request; hard limit in force"


def run(*, quick: bool) -> list[Row]:
    rows = []
    for name, month in MONTHS.items():
        for paced in (False, True):
            courses = [
                run_month(month, paced=paced, seed=seed, tick_s=TICK_S)
                for seed in (SEEDS[:1] if quick else SEEDS)
            ]
            rows += _rows(f"{name}, {'paced' if paced else 'not paced'}", courses)
    return rows


def _rows(name: str, courses: list[Course]) -> list[Row]:
    slug = name.replace(", ", ".").replace(" ", "-").replace("%", "pc")
    days = [one.crossed_day for one in courses if one.crossed_day is not None]
    cells = {
        "dear_share": [round(share, 3) for share in courses[0].dear_share],
        "shadow_price": [round(price, 2) for price in courses[0].price],
        "spent_ratio": [round(part, 3) for part in courses[0].spent_ratio],
    }
    return [
        Row(
            id=f"budget.{slug}.wall",
            what=f"{name}: day of the wall (30: none)",
            value=mean([*days, *[30.0] * (len(courses) - len(days))]),
            unit="day",
            how=_HOW,
            cells=cells,
        ),
        Row(
            id=f"budget.{slug}.spent",
            what=f"{name}: spent at the end",
            value=100 * mean(one.spent_ratio[-1] for one in courses),
            unit="% of limit",
            how=_HOW,
        ),
        Row(
            id=f"budget.{slug}.refused",
            what=f"{name}: requests refused",
            value=100 * mean(one.refused / (one.refused + one.served) for one in courses),
            unit="%",
            how=_HOW,
        ),
        Row(
            id=f"budget.{slug}.step",
            what=f"{name}: largest move of a share in a tick",
            value=100 * max(one.step_max for one in courses),
            unit="points",
            how=_HOW,
        ),
    ]

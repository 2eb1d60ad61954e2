"""A scorecard on a terminal, as a page of the documents, and as a page that stands alone."""

from html import escape
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Figures
from bench.scorecard.score import Card, Score, Verdict, command

_HEADS: Final = ("demand", "criterion", "measured", "target", "", "how measured", "beside it")
_MARKS: Final = {
    Verdict.MISSED: "red",
    Verdict.FAILED: "red",
    Verdict.NOTHING: "yellow",
    Verdict.HELD: "green",
}
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #0e1a24; --soft: #56636e; --line: #e3e8ec; --page: #f2f4f6; --card: #fff;
  --good: #0b7a4b; --bad: #b3261e; --open: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eef2; --soft: #9fb0bc; --line: #26333d; --page: #0e151a;
  --card: #151f26; --good: #5cc994; --bad: #ff8a80; --open: #e5b567; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 24px 16px; }
h1 { margin: 0; font-size: 26px; } p { color: var(--soft); margin: 4px 0 20px; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 10px; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-size: 13px; } tr:last-child td { border-bottom: 0; }
td:nth-child(3), td:nth-child(4) { white-space: nowrap; }
.held { color: var(--good); } .missed, .not-measured { color: var(--bad); font-weight: 600; }
.nothing-measures-it-yet { color: var(--open); }
"""


def headline(card: Card) -> str:
    measured = len(card.scores) - card.count(Verdict.NOTHING)
    open_ones = card.count(Verdict.NOTHING)
    rest = f"; {open_ones} are not measured by anything yet" if open_ones else ""
    return f"{card.count(Verdict.HELD)} of {measured} measured criteria hold{rest}."


def circumstances(card: Card) -> str:
    extent = "in short (`--quick`): fewer series and seeds" if card.quick else "in whole"
    return f"Version {card.version}, {extent}, {card.took_s / 60:.0f} minutes of measuring."


def show(card: Card) -> None:
    console = Console()
    table = Table(*_HEADS)
    for score in card.scores:
        mark = f"[{_MARKS[score.verdict]}]{score.verdict.value}[/]"
        cells = _cells(score)
        table.add_row(*cells[:4], mark, *cells[5:])
    console.print(table)
    console.print(headline(card), circumstances(card), highlight=False)


def markdown(card: Card, made_by: str) -> str:
    lines = [
        "# Scorecard",
        "",
        f"{headline(card)} {circumstances(card)} Made by `{made_by}`; what misses its target comes first.",
        "",
        "Each row is one figure of one benchmark, which can be run alone. *Recorded data* are real series and requests of",
        "others; *real servers* are processes and HTTP on loopback; *simulation* is a seeded world on virtual time.",
        "",
        f"| {' | '.join(head or 'verdict' for head in _HEADS)} | command |",
        f"|{'---|' * (len(_HEADS) + 1)}",
    ]
    for score in card.scores:
        run = command(score.criterion)
        row = [cell.replace("|", "\\|") for cell in _cells(score)]
        if score.verdict is not Verdict.HELD:
            row[4] = f"**{row[4]}**"
        lines.append(f"| {' | '.join(row)} | {f'`{run}`' if run else ''} |")
    return "\n".join(lines) + "\n"


def appendix(figures: Figures) -> str:
    """Every figure on record, by benchmark: what the documents state is one of these."""
    lines = [
        "",
        "## Every figure on record",
        "",
        "What README and documents state is taken from these (`docs/figures.json`) when the documents are made. A benchmark",
        "that the scorecard does not run, because it takes too long or needs peers, stands here with its own last run.",
    ]
    for name, run in figures.runs.items():
        extent = ", in short" if run["quick"] else ""
        lines += [
            "",
            f"<details><summary>{name}: {len(run['rows'])} figures</summary>",
            "",
            f"Version {run['version']}, {run['day']}{extent}, `make bench NAME={name}`.",
            "",
            "| figure | what | value | beside |",
            "|---|---|---|---|",
            *(_figure_line(row, figure) for row, figure in run["rows"].items()),
            "",
            "</details>",
        ]
    return "\n".join(lines) + "\n"


def _figure_line(row: str, figure: Figure) -> str:
    interval = figure.get("interval")
    around = f" ({interval[0]:.4g} to {interval[1]:.4g})" if interval else ""
    value = f"{figure['value']:.4g}{around} {figure['unit']}".rstrip()
    cells = (f"`{row}`", figure["what"], value, str(figure.get("baseline", "")))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def html(card: Card) -> str:
    """One file that asks for nothing else."""
    heads = "".join(f"<th scope=col>{escape(head)}</th>" for head in _HEADS)
    rows = "".join(_html_row(score) for score in card.scores)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Foreroute: scorecard</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(headline(card))}</h1>"
        f"<p>{escape(circumstances(card))}</p>"
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        "</main></body></html>\n"
    )


def _html_row(score: Score) -> str:
    cells = _cells(score)
    kind = score.verdict.value.replace(" ", "-")
    how = f' title="{escape(score.how)}"' if score.how else ""
    shown = [f"<td>{escape(cell)}</td>" for cell in cells]
    shown[4] = f'<td class="{kind}">{escape(cells[4])}</td>'
    return f"<tr{how}>{''.join(shown)}</tr>"


def _cells(score: Score) -> list[str]:
    one = score.criterion
    return [
        one.demand,
        one.what,
        score.shown,
        str(one.target),
        score.verdict.value,
        one.method.value,
        score.beside or score.why,
    ]

"""The cells as the rows of a benchmark, and as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from bench.faults.catalogue import FAULTS, PATIENCE_S, Fault, Kind
from bench.faults.grade import RULES, Cell, Grade
from bench.peers import FOREROUTE, PEERS, Gateway
from bench.report import Row

_READING: Final = """\
## How to read a cell

Grade; what the client could believe; statuses other than 200; Retry-After; median / longest time of an answer; upstream
attempts (att.) per request; calls of the faulty channel for the second half of the requests (late).

- **complete**: the whole answer. **told**: an OpenAI error object with all four keys, as the answer or as an event, and
  nothing that looks like success. **noticed**: another error: a client library raises, but does not know why, because the
  connection broke off, an event cannot be read, or the error has another form.
- **lied**: not the whole answer, and yet a client library returns normally. A stream that ends without `finish_reason` and
  `[DONE]` makes none of them raise. **hung**: no end within the client's patience.
- **untested**: the gateway never called the faulty channel.

Times are of a machine with two cores that others share: look at the grade, not at milliseconds."""
_GOOD: Final = "faults.good"
_COMMAND: Final = "python -m bench faults --write docs/faults.md"


def rows_of(cells: Mapping[str, Mapping[str, Cell]], faults: Sequence[Fault]) -> list[Row]:
    """One row per fault: Foreroute's wrong answers, the peers' as the baseline; last how many each handled well."""
    rows = [_row(fault, {name: found[fault.id] for name, found in cells.items()}) for fault in faults]
    return [*rows, _good_row(cells, len(faults))]


def _good_row(cells: Mapping[str, Mapping[str, Cell]], faults: int) -> Row:
    good = {name: sum(cell.grade is Grade.GOOD for cell in found.values()) for name, found in cells.items()}
    own = good.pop(FOREROUTE.name)
    untested = any(cell.grade is Grade.UNTESTED for cell in cells[FOREROUTE.name].values())
    return Row(
        id=_GOOD,
        what="faults handled well",
        value=own,
        unit=f"of {faults}",
        target=str(faults),
        holds=None if untested else own == faults,
        baseline=", ".join(f"{name} {count}" for name, count in good.items()) or None,
        cells={FOREROUTE.name: own, **good},
    )


def _row(fault: Fault, cells: Mapping[str, Cell]) -> Row:
    own = cells[FOREROUTE.name]
    others = [f"{name} {cell.grade} {cell.wrong}" for name, cell in cells.items() if name != FOREROUTE.name]
    return Row(
        id=f"faults.{fault.id}",
        what=f"{fault.what}: {own.grade}",
        value=own.wrong,
        unit=f"wrong of {own.requests}",
        target=str(Grade.GOOD),
        holds=None if own.grade is Grade.UNTESTED else own.grade is Grade.GOOD,
        baseline=", ".join(others) or None,
        how=f"{fault.kind}: {RULES[fault.kind]}",
        cells={name: asdict(cell) for name, cell in cells.items()},
    )


def document(rows: Sequence[Row]) -> str:
    """The page for people. Raises ValueError for rows of another benchmark."""
    faults = {f"faults.{fault.id}": fault for fault in FAULTS}
    rows = [row for row in rows if row.id != _GOOD]
    if any(row.id not in faults or row.cells is None for row in rows):
        raise ValueError("only rows of this benchmark can be written")
    names = list(rows[0].cells or {})
    parts = [_opening(names), _summary(rows, names)]
    for kind in Kind:
        some = [row for row in rows if faults[row.id].kind is kind]
        parts.append(f"## {kind.capitalize()}\n\n{_MEANING[kind]} {RULES[kind]}")
        parts.append(_table(some, names, faults))
    parts.append(_READING)
    return "\n\n".join(parts) + "\n"


_MEANING: Final = {
    Kind.SERVABLE: "Another channel could serve, and nothing has reached the client yet.",
    Kind.BROKEN: "Content has reached the client when the channel fails.",
    Kind.LIMITED: "Every channel asks for a pause.",
    Kind.DOWN: "Every channel fails.",
}


def _opening(names: Sequence[str]) -> str:
    known: dict[str, Gateway] = {gateway.name: gateway for gateway in (FOREROUTE, *PEERS)}
    lines = [f"- **{name}** {known[name].version()}: {known[name].settings}." for name in names]
    return "\n".join(
        (
            "# The same faults for Foreroute and its peers",
            "",
            f"Made by `{_COMMAND}` on {datetime.now(UTC):%Y-%m-%d}; do not edit. How the peers are installed and run:",
            "[peers](../bench/gateway/peers.md).",
            "",
            "An upstream, a gateway and a client, all on loopback. Each model name has two channels, of which one has the",
            "fault unless the row says otherwise. The client sends one request after the other over a connection of its own,",
            f"reads bytes without any client library, and waits at most {PATIENCE_S:g} s. Every fault has channels, and where",
            "state could leak a gateway process, of its own. Each gateway is set up as its documentation allows:",
            "",
            *lines,
        )
    )


def _summary(rows: Sequence[Row], names: Sequence[str]) -> str:
    lines = ["| gateway | good | degraded | wrong | untested |", "|---|---|---|---|---|"]
    for name in names:
        grades = [_cell(row, name)["grade"] for row in rows]
        lines.append(f"| {name} | " + " | ".join(str(grades.count(grade)) for grade in Grade) + " |")
    return "\n".join(lines)


def _table(rows: Sequence[Row], names: Sequence[str], faults: Mapping[str, Fault]) -> str:
    lines = ["| fault | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for row in rows:
        fault = faults[row.id]
        cells = " | ".join(_words(_cell(row, name), fault) for name in names)
        lines.append(f"| `{fault.id}`: {fault.what} | {cells} |")
    return "\n".join(lines)


def _words(cell: Mapping[str, Any], fault: Fault) -> str:
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in cell["verdicts"].items())
    parts = [f"**{cell['grade']}**", verdicts]
    failed = [status for status in cell["statuses"] if status != "200"]
    if failed:
        parts.append(f"status {', '.join(failed)}")
    if cell["retry_after"]:
        parts.append(f"Retry-After {', '.join(cell['retry_after'])}")
    parts.append(f"{_seconds(cell['p50_s'])} / {_seconds(cell['max_s'])}")
    parts.append(f"{cell['attempts_per_request']:g} att.")
    if not fault.healthy and not fault.everywhere:
        parts.append(f"{cell['late_bad_attempts']} late")
    return "; ".join(parts)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1.0 else f"{seconds * 1000:.0f} ms"


def _cell(row: Row, name: str) -> Mapping[str, Any]:
    assert row.cells is not None
    cell: Mapping[str, Any] = row.cells[name]
    return cell

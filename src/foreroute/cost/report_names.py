"""Keys and teams of a report by the names that people gave them. Pure."""

from foreroute.core.keys import KeyBook
from foreroute.cost.report import By, Line, SpendReport


def named(report: SpendReport, book: KeyBook) -> SpendReport:
    """Keys and teams by their names, with the id where two have the same one."""
    names: dict[By, dict[str, str]] = {
        By.KEY: {str(key.id): key.name for key in book.keys},
        By.TEAM: {str(team.id): team.name for team in book.teams},
    }
    by = dict(report.by)
    for one, known in names.items():
        by[one] = tuple(Line(_shown(line.name, known), line.metered) for line in by[one])
    return SpendReport(
        period=report.period,
        window=report.window,
        time_zone=report.time_zone,
        at=report.at,
        total=report.total,
        before=report.before,
        by=by,
    )


def _shown(name: str, known: dict[str, str]) -> str:
    own = known.get(name)
    if own is None:
        return name
    return own if list(known.values()).count(own) == 1 else f"{own} ({name})"

"""The page that clients rely on says what the code does."""

import re
from pathlib import Path

from foreroute.core.attempt import PickReason
from foreroute.core.channel import Dialect
from foreroute.core.failure import FailureClass
from foreroute.gateway.wire import errors

PAGE = (Path(__file__).parents[3] / "docs/gateway.md").read_text(encoding="utf-8")


def cells(heading: str, column: int) -> list[str]:
    """The code words of one column of the table below a heading."""
    section = PAGE.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| ")][1:]
    return [found[0] for row in rows if (found := re.findall(r"`([^`]+)`", row[column]))]


def test_every_reason_is_documented_and_no_other() -> None:
    assert sorted(cells("### `x-foreroute-reason`", 1)) == sorted(PickReason)


def test_every_error_code_is_documented_and_no_other() -> None:
    made = [
        errors.unknown_model("m"),
        errors.wrong_key(),
        errors.too_large(1),
        errors.compressed("gzip"),
        errors.unknown_path("GET", "/x"),
        errors.wrong_method("GET", "/x"),
        errors.internal_error("r"),
        errors.closed_key("expired"),
        errors.wrong_role(),
        errors.must_stay("m", ["r"]),
        errors.shared_objects(),
        errors.unpriced("m"),
        errors.over_budget("m", None),
        errors.accounts_unavailable(),
        errors.no_match("m", Dialect.OPENAI),
        errors.busy("m", None),
        errors.unavailable("m", None),
        errors.all_failed("m", FailureClass.SERVER_ERROR, None),
        errors.all_failed("m", FailureClass.TIMEOUT_READ, None),
    ]
    assert sorted(cells("## Errors of the gateway's own", 2)) == sorted(str(one.code) for one in made)

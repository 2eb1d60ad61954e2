"""Failures as JSON lines: one record a line, as clients and logs hold them.

Fields: `message`, and where known `id`, `http_status` (or `status`), `error_type`, `error_code`, `phase`,
`content_type`. Others are ignored; a missing or null one is unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from foreroute.core.failure import FailureEvidence, Phase

LINE_BYTES_MAX: Final = 1 << 20
_PHASES: Final = {
    **{phase.value: phase for phase in Phase},
    "body": Phase.STREAM,
    "first_token": Phase.FIRST_CHUNK,
    "": Phase.HEADERS,
}


class RecordFault(ValueError):  # noqa: N818 - reads as what it is
    """A line that is no failure record: what is wrong with it, and what would be right."""

    id: str | int | None = None
    """Of the record, where the line says so much."""


@dataclass(frozen=True, slots=True)
class FailureRecord:
    id: str | int
    evidence: FailureEvidence


def record_of(line: bytes, number: int) -> FailureRecord:
    """The failure of one line. Without an `id` it gets the number of the line. Raises RecordFault."""
    if len(line) > LINE_BYTES_MAX:
        raise RecordFault(f"the line has {len(line)} bytes; at most {LINE_BYTES_MAX} are read")
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RecordFault(f"not JSON ({error}); one JSON object a line is expected") from None
    if not isinstance(fields, dict):
        raise RecordFault('a JSON object is expected, such as {"id": "1", "message": "connection refused"}')
    name = _id(fields, number)
    try:
        return FailureRecord(name, _evidence(fields))
    except RecordFault as fault:
        fault.id = name
        raise


def _evidence(fields: Mapping[str, Any]) -> FailureEvidence:
    evidence = FailureEvidence(
        phase=_phase(fields),
        status=_status(fields),
        message=_text(fields, "message"),
        error_type=_text(fields, "error_type"),
        error_code=_text(fields, "error_code"),
        content_type=_text(fields, "content_type"),
    )
    said = (evidence.message, evidence.error_type, evidence.error_code, evidence.status, fields.get("phase"))
    if not any(said):
        raise RecordFault("nothing is said: `message`, `error_type` or `http_status` is expected")
    return evidence


def _id(fields: Mapping[str, Any], number: int) -> str | int:
    value = fields.get("id")
    if value is None:
        return number
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RecordFault("`id` is neither a text nor a whole number")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RecordFault(f"`{name}` is not a text")
    return str(value)


def _status(fields: Mapping[str, Any]) -> int | None:
    value = fields.get("http_status", fields.get("status"))
    if value is None:
        return None
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 999:
        raise RecordFault("`http_status` is not a status such as 429")
    return value or None


def _phase(fields: Mapping[str, Any]) -> Phase:
    value = fields.get("phase")
    phase = _PHASES.get("" if value is None else value) if isinstance(value, str | None) else None
    if phase is None:
        raise RecordFault("`phase` is none of " + ", ".join(name for name in _PHASES if name))
    return phase

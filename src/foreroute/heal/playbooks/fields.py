"""The kinds of fields in a playbook file: names, durations, conditions, times of day."""

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from foreroute.heal.durations import seconds
from foreroute.heal.playbooks.expression import Expression, ExpressionError
from foreroute.heal.playbooks.expression_reader import read
from foreroute.heal.playbooks.facts import VOCABULARY
from foreroute.heal.playbooks.steps import STEP_S_MAX, STEP_S_MIN

WINDOW_S_MIN: Final = 60.0
WINDOW_S_MAX: Final = 900.0
_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class Strict(BaseModel):
    """Unknown keys are refused; the text below a key is its meaning in editors."""

    model_config = ConfigDict(
        extra="forbid", strict=False, populate_by_name=False, frozen=True, use_attribute_docstrings=True
    )


def _condition(value: Any) -> Any:
    if isinstance(value, bool | int | float) and not isinstance(value, bool):
        value = f"ok_rate >= {value}"
    if not isinstance(value, str):
        raise ValueError("a condition is a text, such as 'ok_rate >= 0.99'")  # noqa: TRY004 - pydantic's contract
    try:
        read(value, VOCABULARY)
    except ExpressionError as error:
        raise ValueError(f"{error.message}\n{error.hint}") from None
    return value


def _time_of_day(value: Any) -> float:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a time of day is hours and minutes in quotes, UTC, such as '02:30'")
    return 3600.0 * int(match[1]) + 60.0 * int(match[2])


def _day(value: Any) -> int:
    if value not in _WEEK:
        raise ValueError(f"a day is one of {', '.join(_WEEK)}")
    return _WEEK.index(value)


_DURATION: Final = {
    "type": "string",
    "pattern": r"^\s*\d+(\.\d+)?\s*(ms|[smhd])\s*$",
    "examples": ["30s", "10m", "2h"],
}

Duration = Annotated[float, BeforeValidator(seconds), Field(ge=0.0), WithJsonSchema(_DURATION)]
StepDuration = Annotated[
    float, BeforeValidator(seconds), Field(ge=STEP_S_MIN, le=STEP_S_MAX), WithJsonSchema(_DURATION)
]
Window = Annotated[
    float, BeforeValidator(seconds), Field(ge=WINDOW_S_MIN, le=WINDOW_S_MAX), WithJsonSchema(_DURATION)
]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]
Text = Annotated[str, Field(min_length=1, max_length=300)]
Condition = Annotated[
    str,
    BeforeValidator(_condition),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "maxLength": 300}, {"type": "number"}],
            "examples": ["ok_rate >= 0.99", "count('rate_limited', '60s') >= 3"],
        }
    ),
]
TimeOfDay = Annotated[
    float,
    BeforeValidator(_time_of_day),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
Day = Annotated[int, BeforeValidator(_day), WithJsonSchema({"enum": list(_WEEK)})]


def expression(text: str) -> Expression:
    """Of a text that was checked."""
    return read(text, VOCABULARY)

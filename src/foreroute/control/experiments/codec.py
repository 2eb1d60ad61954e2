"""Definitions, runs and analyses as JSON."""

from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from foreroute.core.errors import StoreCorrupt
from foreroute.experiment.definition import Definition
from foreroute.experiment.judge import Analysis
from foreroute.experiment.runs import Run


def run_bytes(run: Run) -> bytes:
    return _runs().dump_json(run)


def read_run(body: bytes) -> Run:
    """Raises StoreCorrupt."""
    try:
        return _runs().validate_json(body)
    except ValidationError as error:
        raise StoreCorrupt(
            f"a stored run of an experiment cannot be read: {error.errors()[0]['msg']}"
        ) from None


def definition_bytes(definition: Definition) -> bytes:
    return _definitions().dump_json(definition)


def read_definition(body: bytes) -> Definition:
    """Raises StoreCorrupt."""
    try:
        return _definitions().validate_json(body)
    except ValidationError as error:
        raise StoreCorrupt(f"a stored experiment cannot be read: {error.errors()[0]['msg']}") from None


def definition_row(definition: Definition) -> dict[str, Any]:
    """Plain values; money as text."""
    found: dict[str, Any] = orjson.loads(_definitions().dump_json(definition))
    return found


def analysis_row(analysis: Analysis) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(_analyses().dump_json(analysis))
    return found


@cache
def _runs() -> TypeAdapter[Run]:
    return TypeAdapter(Run)


@cache
def _definitions() -> TypeAdapter[Definition]:
    return TypeAdapter(Definition)


@cache
def _analyses() -> TypeAdapter[Analysis]:
    return TypeAdapter(Analysis)

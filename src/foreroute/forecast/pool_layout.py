"""How a stored model of all channels says what it is for: a JSON file beside its numbers."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from foreroute.core.errors import ModelFileError
from foreroute.forecast.pool_rows import FEATURES_VERSION
from foreroute.forecast.rows import Grid

LAYOUT: Final = "layout.json"


def layout_of(grid: Grid, **more: object) -> bytes:
    """The steps, horizons and scale that a model learnt for, and what else its kind must know."""
    common = {
        "features": FEATURES_VERSION,
        "step_s": grid.step_s,
        "horizons": grid.horizons,
        "offset": grid.offset,
    }
    return json.dumps(common | more).encode()


def read_layout(files: Mapping[str, bytes]) -> tuple[Grid, Mapping[str, Any]]:
    """Raises ModelFileError for a model that learnt from features of another version; see also `reading`."""
    layout = json.loads(files[LAYOUT])
    if layout["features"] != FEATURES_VERSION:
        version = layout["features"]
        raise ModelFileError(f"learnt from features of version {version}, not {FEATURES_VERSION}")
    return Grid(float(layout["step_s"]), tuple(layout["horizons"]), float(layout["offset"])), layout


@contextmanager
def reading(kind: str) -> Iterator[None]:
    """Whatever damaged files raise in here becomes a ModelFileError that names the kind of model."""
    try:
        yield
    except (
        KeyError, ValueError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise ModelFileError(f"not a stored `{kind}` model: {error!r}") from None

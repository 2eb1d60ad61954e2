"""What stands beside every stored model: where it comes from, what it was worth, and what its files must be."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from foreroute.core.errors import ModelFileError

FORMAT: Final = 1
"""Of the manifest; a newer one is refused, not guessed at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Mean absolute errors on the newest part, which the model was not fitted on, over the last value's there.

    Geometric means over all series, targets and horizons, on the same origins for both models.
    """

    start_at: float
    end_at: float
    outcomes: int
    challenger: float
    champion: float | None = None
    """Of the model that served until then; None: there was none."""

    @property
    def beats_last_value(self) -> bool:
        return self.challenger < 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`trained_from_at` … `trained_to_at` is what it was fitted on; instants are seconds since the epoch, UTC."""

    kind: str
    metric: str
    version: int
    created_at: float
    trained_from_at: float
    trained_to_at: float
    series: tuple[str, ...]
    held_out: HeldOut
    libraries: Mapping[str, str]
    """Versions of what it was made with."""
    files: Mapping[str, str] = field(default_factory=dict)
    """File name → SHA-256 of its bytes, in hexadecimal."""

    def numbered(self, version: int, files: Mapping[str, str]) -> "Manifest":
        return replace(self, version=version, files=files)


def manifest_json(manifest: Manifest) -> bytes:
    return json.dumps({"format": FORMAT, **asdict(manifest)}, indent=2).encode()


def read_manifest(raw: bytes) -> Manifest:
    """Raises ModelFileError when it is not one, or of a newer format."""
    try:
        found: dict[str, Any] = json.loads(raw)
        version = found.pop("format")
        manifest = None if version != FORMAT else _manifest(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"manifest.json is no manifest of a model: {error}") from None
    if manifest is None:
        raise ModelFileError(f"its format is {version!r}, and this Foreroute reads {FORMAT}")
    return manifest


def _manifest(found: dict[str, Any]) -> Manifest:
    """Raises KeyError, TypeError, ValueError or AttributeError when something is missing or of another kind."""
    scores = found["held_out"]
    champion = scores["champion"]
    return Manifest(
        kind=str(found["kind"]),
        metric=str(found["metric"]),
        version=int(found["version"]),
        created_at=float(found["created_at"]),
        trained_from_at=float(found["trained_from_at"]),
        trained_to_at=float(found["trained_to_at"]),
        series=tuple(str(one) for one in found["series"]),
        held_out=HeldOut(
            start_at=float(scores["start_at"]),
            end_at=float(scores["end_at"]),
            outcomes=int(scores["outcomes"]),
            challenger=float(scores["challenger"]),
            champion=None if champion is None else float(champion),
        ),
        libraries={str(name): str(version) for name, version in found["libraries"].items()},
        files={str(name): str(digest) for name, digest in found["files"].items()},
    )

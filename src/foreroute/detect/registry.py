"""Detectors by name: the built-in ones, and those of other packages (entry points `foreroute.detectors`)."""

from collections.abc import Sequence
from importlib.metadata import entry_points

from foreroute.core.errors import ConfigError
from foreroute.core.ports import Detector
from foreroute.detect.iqr import Iqr
from foreroute.detect.isolation import IsolationForest
from foreroute.detect.streaming import Streaming
from foreroute.detect.zscore import ZScore

_BUILT_IN: dict[str, Detector] = {
    kind.name: kind for kind in (Streaming(), ZScore(), Iqr(), IsolationForest())
}


def detectors(names: Sequence[str]) -> tuple[Detector, ...]:
    """Raises ConfigError naming what is known."""
    others = {point.name: point for point in entry_points(group="foreroute.detectors")}
    found: list[Detector] = []
    for name in dict.fromkeys(names):
        if name in _BUILT_IN:
            found.append(_BUILT_IN[name])
        elif name in others:
            found.append(others[name].load()())
        else:
            known = ", ".join(sorted({*_BUILT_IN, *others}))
            raise ConfigError(
                f"there is no detector {name!r}", where="detect.detectors", hint=f"known: {known}"
            )
    return tuple(found)

"""The streaming state as bytes and back: named arrays in one archive, nothing executable, versioned."""

import io
import zipfile
from typing import Any, Final

import numpy as np

from foreroute.core.errors import StoreCorrupt
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.detect.bank import PARTS, Bank
from foreroute.detect.columns import from_arrays, to_arrays
from foreroute.detect.rows import Rows

VERSION: Final = 2


def to_bytes(rows: Rows) -> bytes:
    arrays = {"version": np.array([VERSION]), "seen_until": rows.seen_until}
    keys = sorted(rows.index, key=lambda key: rows.index[key])
    arrays["channels"] = np.array([channel for channel, _ in keys], dtype=np.str_)
    arrays["metrics"] = np.array([metric.value for _, metric in keys], dtype=np.str_)
    for name in PARTS:
        arrays |= to_arrays(name, getattr(rows.bank, name))
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def from_bytes(data: bytes) -> Rows:
    """Raises StoreCorrupt when the bytes are no such archive, or of another version."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        version = int(arrays["version"][0])
    except (ValueError, KeyError, OSError, EOFError, IndexError, zipfile.BadZipFile) as error:
        raise StoreCorrupt(f"the detectors' state cannot be read: {error}") from None
    if version != VERSION:
        raise StoreCorrupt(f"the detectors' state has version {version}; this Foreroute reads {VERSION}")
    try:
        metrics = [Metric(str(name)) for name in arrays["metrics"]]
        channels = [ChannelId(str(name)) for name in arrays["channels"]]
        index = {key: row for row, key in enumerate(zip(channels, metrics, strict=True))}
        seen_until = np.array(arrays["seen_until"], dtype=np.float64)
    except (ValueError, KeyError) as error:
        raise StoreCorrupt(f"the detectors' state cannot be read: {error}") from None
    if len(seen_until) != len(index):
        raise StoreCorrupt("the detectors' state names other series than it has rows for")
    parts: dict[str, Any] = {
        name: from_arrays(name, kind, arrays, len(index)) for name, kind in PARTS.items()
    }
    return Rows(Bank(**parts), index, seen_until)

"""The whole state of a bank as bytes, so that a restart goes on where it was. Plain arrays; nothing in it is run.

A JSON head (version, settings, rows, place in time) beside the columns in NumPy's own archive form.
"""

import io
import json
import zipfile
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from foreroute.core.errors import StoreCorrupt
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.forecast.bank.bank import ForecastBank
from foreroute.forecast.bank.settings import BankSettings

VERSION: Final = 2
_HEAD: Final = "head"


def to_bytes(bank: ForecastBank) -> bytes:
    memory = bank.memory
    head = {
        "version": VERSION,
        "settings": asdict(bank.settings),
        "rows": [[channel, metric.value] for channel, metric in bank.keys],
        "tick": memory.tick,
        "end_at": memory.end_at,
        "begun_at": memory.begun_at,
    }
    text = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{_HEAD: text}, **memory.state.taken())
    return file.getvalue()


def from_bytes(data: bytes, settings: BankSettings) -> ForecastBank:
    """The bank as it was. Raises StoreCorrupt if these are no bytes of this version's, or of other settings."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        head = json.loads(arrays.pop(_HEAD).tobytes())
        _check(head, settings)
        bank = ForecastBank(settings)
        rows = [(ChannelId(str(channel)), Metric(metric)) for channel, metric in head["rows"]]
        bank.memory.state.put(arrays)
        _check_rows(rows, bank.memory.state.count)
        bank.memory.rows = {key: number for number, key in enumerate(rows)}
        bank.memory.tick = int(head["tick"])
        bank.memory.begun_at = float(head["begun_at"])
        bank.memory.end_at = None if head["end_at"] is None else float(head["end_at"])
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise StoreCorrupt(f"the stored forecast state cannot be used: {error}") from error
    return bank


def _check_rows(rows: list[tuple[ChannelId, Metric]], count: int) -> None:
    if count != len(rows) or len(set(rows)) != len(rows):
        raise ValueError("its rows do not match its columns")


def _check(head: dict[str, Any], settings: BankSettings) -> None:
    if head["version"] != VERSION:
        raise ValueError(f"it is of version {head['version']}, this is version {VERSION}")
    mine = json.loads(json.dumps(asdict(settings)))
    if head["settings"] != mine:
        raise ValueError("it was written with other settings (step, horizons or plug-in experts)")

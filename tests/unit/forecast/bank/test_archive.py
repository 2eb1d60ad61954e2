"""The state as bytes and back."""

import io
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.forecast.bank.conftest import Floats, Play

from foreroute.core.errors import StoreCorrupt
from foreroute.forecast.bank.archive import from_bytes, to_bytes
from foreroute.forecast.bank.bank import ForecastBank
from foreroute.forecast.bank.settings import BankSettings

Noisy = Callable[..., Floats]
SMALL = BankSettings(horizons_s=(300.0,))


def test_a_restart_goes_on_where_it_was(play: Play, noisy: Noisy) -> None:
    values = noisy(160, 3)
    without = play(values, settings=SMALL)
    bank = from_bytes(to_bytes(play(values[:100], settings=SMALL)), SMALL)
    play(values[100:], bank=bank, start=100)
    assert bank.keys == without.keys
    assert np.array_equal(bank.current(), without.current())
    assert bank.skills() == without.skills()
    assert bank.predicted(0, bank.standings(0)[0].target, 300.0) == without.predicted(
        0, without.standings(0)[0].target, 300.0
    )


def test_an_empty_bank_can_be_kept_too() -> None:
    assert from_bytes(to_bytes(ForecastBank(SMALL)), SMALL).keys == ()


def broken(data: bytes) -> dict[str, bytes]:
    with np.load(io.BytesIO(data)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    head = json.loads(arrays["head"].tobytes())

    def written(**changed: object) -> bytes:
        file = io.BytesIO()
        text = np.frombuffer(json.dumps({**head, **changed}).encode(), dtype=np.uint8)
        np.savez(file, **{**arrays, "head": text})
        return file.getvalue()

    other = io.BytesIO()
    np.savez(other, numbers=np.ones(3))
    missing = io.BytesIO()
    np.savez(missing, head=arrays["head"])
    return {
        "nothing": b"",
        "text": b"no archive",
        "cut short": data[: len(data) // 2],
        "foreign": other.getvalue(),
        "without columns": missing.getvalue(),
        "other version": written(version=99),
        "a row too many": written(rows=[*head["rows"], ["x", "latency_p50"]]),
        "unknown metric": written(rows=[["x", "smell"]] * len(head["rows"])),
        "rows alike": written(rows=[head["rows"][0]] * len(head["rows"])),
        "no number": written(tick="soon"),
    }


def test_bytes_that_are_none_of_ours_are_refused(play: Play, noisy: Noisy) -> None:
    data = to_bytes(play(noisy(20, 2), settings=SMALL))
    for what, blob in broken(data).items():
        with pytest.raises(StoreCorrupt, match="cannot be used"):
            pytest.fail(f"{what} was taken: {from_bytes(blob, SMALL)}")


def test_a_flipped_byte_is_noticed(play: Play, noisy: Noisy) -> None:
    data = bytearray(to_bytes(play(noisy(20, 2), settings=SMALL)))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(StoreCorrupt, match="cannot be used"):
        from_bytes(bytes(data), SMALL)


def test_a_state_of_other_settings_is_refused(play: Play, noisy: Noisy) -> None:
    data = to_bytes(play(noisy(20, 2), settings=SMALL))
    with pytest.raises(StoreCorrupt, match="other settings"):
        from_bytes(data, replace(SMALL, horizons_s=(900.0,)))

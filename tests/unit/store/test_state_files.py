"""A state is replaced whole or not at all."""

from pathlib import Path

import pytest

from foreroute.core.errors import StoreUnavailable
from foreroute.store.state_files import StateFiles


async def test_what_was_written_last_is_read(tmp_path: Path) -> None:
    files = StateFiles(tmp_path / "state")
    assert await files.read("work") is None
    await files.write("work", b"one")
    await files.write("work", b"two")
    await files.write("forecast", b"three")
    assert await StateFiles(tmp_path / "state").read("work") == b"two"
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["forecast.npz", "work.npz"]


async def test_a_half_written_file_is_never_read(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    await files.write("work", b"whole")
    (tmp_path / "work.new").write_bytes(b"ha")  # what a run leaves that was killed while it wrote
    assert await files.read("work") == b"whole"
    await files.write("work", b"next")
    assert await files.read("work") == b"next"


async def test_what_is_set_aside_is_kept_and_not_read(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    await files.write("work", b"odd")
    await files.set_aside("work")
    await files.set_aside("work")
    assert await files.read("work") is None
    assert (tmp_path / "work.unusable").read_bytes() == b"odd"


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the way")
    with pytest.raises(StoreUnavailable, match="state"):
        await StateFiles(tmp_path / "state").write("work", b"x")

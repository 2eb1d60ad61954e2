"""No file can be opened for a while: the loop goes on, and nothing that was recorded meanwhile is lost."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foreroute.testing.fake_provider import Always
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual


@contextmanager
def no_files_left() -> Iterator[None]:
    """The limit is where the highest open descriptor is: whoever wants another one gets EMFILE."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    held: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    try:
        while True:
            try:
                held.append(os.dup(0))
            except OSError:
                break
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for one in held:
            os.close(one)


def test_a_loop_that_can_open_no_file_goes_on_when_it_can(open_house, at_pace) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(
            loop, {"one": Always(), "two": Always()}, {"loop": {"fit_workers": 0}}
        ) as house:
            control = await house.start_control("short of files")

            async def ask(_number: int) -> None:
                body = {"model": "chat", "messages": [{"role": "user", "content": "Hello?"}]}
                async with house.http.post("v1/chat/completions", json=body) as answer:
                    await answer.read()
                    assert answer.status == 200

            await at_pace(ask, 30, 1.0)
            with no_files_left():
                await at_pace(ask, 180, 1.0)
            assert control.plane.loop is not None
            ticks = control.plane.loop.ticks
            await at_pace(ask, 150, 1.0)
            assert control.thread.error is None
            assert control.plane.loop.ticks > ticks
            await control.end()
            counts = await house.count(control)
            assert counts.gateway == counts.ledger == counts.rollups == 360

    run_virtual(main)

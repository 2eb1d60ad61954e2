"""What a playbook may start: the program that the settings name, with nothing of the house's own, within bounds."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from foreroute.app.playbook_hooks import Hooks
from foreroute.core.ids import ChannelId
from foreroute.core.playbook_ports import Answer, Order
from foreroute.settings.finding import HookSettings

SECRET = "sk-very-secret"


def order(**wanted: str) -> Order:
    return Order(
        action="hook",
        key="run/step",
        run="run",
        playbook="book",
        step="step",
        scope="a; touch /tmp/never",
        channels=(ChannelId("a"), ChannelId("$(touch /tmp/never)")),
        wanted={"name": "hook", **wanted},
        at=0.0,
        timeout_s=5.0,
    )


async def run(script: str, *arguments: str) -> Answer:
    command = (sys.executable, "-c", script, *arguments)
    return await Hooks([HookSettings(name="hook", command=command)]).do(order())


async def test_arguments_are_those_of_the_settings_alone(tmp_path: Path) -> None:
    said = tmp_path / "said"
    answer = await run(
        "import sys; open(sys.argv[1],'w').write(repr(sys.argv[2:]))", str(said), "$HOME", "; ls", "*"
    )
    assert answer.ok
    assert said.read_text() == "['$HOME', '; ls', '*']"


async def test_no_secret_of_the_process_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY",
        "FOREROUTE_ADMIN_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "LD_PRELOAD_X",
        "PYTHONPATH",
    ):
        monkeypatch.setenv(name, SECRET)
    said = tmp_path / "said"
    assert (await run("import os,sys; open(sys.argv[1],'w').write(repr(dict(os.environ)))", str(said))).ok
    text = said.read_text()
    assert SECRET not in text
    known = {"PATH", "HOME", "LANG", "SYSTEMROOT", "TZ", "LC_CTYPE"}
    assert {name for name in eval(text) if not name.startswith("FOREROUTE_")} <= known


async def test_no_open_file_of_the_process_goes_along(tmp_path: Path) -> None:
    said = tmp_path / "said"
    with (tmp_path / "store").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        script = "import os,sys; open(sys.argv[1],'w').write(str(len(os.listdir('/proc/self/fd'))))"
        assert (await run(script, str(said))).ok
    assert int(said.read_text()) <= 5


async def test_endless_words_fill_no_memory() -> None:
    answer = await run("import sys; sys.stderr.write('x' * 50_000_000 + 'the end'); sys.exit(3)")
    assert not answer.ok
    assert answer.said.endswith("the end")
    assert len(answer.said) < 300


async def test_a_step_that_runs_out_of_time_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = (
        "import subprocess,sys,time; p = subprocess.Popen(['sleep', '60']); "
        "open(sys.argv[1],'w').write(str(p.pid)); time.sleep(60)"
    )
    running = asyncio.ensure_future(run(script, str(pid)))
    while not (pid.exists() and pid.read_text()):
        assert not running.done()
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await gone(int(pid.read_text()))


async def test_a_child_that_is_left_behind_holds_nobody_up_and_does_not_live_on(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = "import subprocess,sys; p = subprocess.Popen(['sleep', '60']); open(sys.argv[1],'w').write(str(p.pid))"
    answer = await asyncio.wait_for(run(script, str(pid)), 20.0)
    assert answer.ok
    assert await gone(int(pid.read_text()))


async def gone(pid: int) -> bool:
    until = time.monotonic() + 10.0
    while time.monotonic() < until:
        if is_gone(pid):
            return True
        await asyncio.sleep(0.01)
    return False


def is_gone(pid: int) -> bool:
    """A zombie is gone too: whoever inherits it has only to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True

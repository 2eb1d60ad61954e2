"""Every shell block of README and quickstart, in both languages, is run as it stands; what is not says why on the page."""

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.shell import Shell, commands
from tests.unit.docs.markdown import ROOT, blocks

from foreroute.serving import serve_asgi
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer

TRIES = 40
PAGES = ("README.md", "README.ko.md", "docs/quickstart.md", "docs/ko/quickstart.md")
MARKS = ("Not run by the tests:", "테스트에서 실행하지 않음:")
NOT_RUN = {
    "make demo": "fetches packages, and takes minutes",
    "make setup": "fetches packages",
    "foreroute clouds discover amazon --yaml": "asks the clouds",
    "foreroute backup restore foreroute-backup.tar.gz": "is refused while a server runs, as one does here",
    "foreroute --install-completion": "changes the shell's start-up file",
}
"""First command of a block that is marked on its page → why."""
REFUSED = {
    "rollout raise routing": "may not go to suggest yet",
    "undo": "there is nothing to undo",
    "experiment promote faster": "no arm was found to be better yet",
    "experiment revert faster": "nothing of faster.1 is promoted",
}
"""Commands that a server without history refuses, as it should, and what it says."""
SEEN = {
    "curl": "x-foreroute-channel",
    "doctor": "0 failed",
    "check": "is valid",
    "status": "channels are well",
    "foreroute forecast": "15m",
    "rollout show": "routing",
    "kill-switch": "the configured weights serve",
}
"""What a reader must see, by what stands in the command."""


HOW_TOS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("**/how-to/*.md"))
HOUSE = """
gateway: {port: 0}
dashboard: {port: 0}
channels:
  - {id: openai-us, provider: openai, region: r, model: gpt-4o-mini, base_url: X}
  - {id: azure-eu, provider: openai, region: r, model: gpt-4o-mini, base_url: X}
routes:
  - {model: chat, objective: {metric: first_chunk_p95, limit: 2s}, targets: [{channel: openai-us}, {channel: azure-eu}]}
heal: {playbooks: my_playbooks.yaml}
"""
"""What somebody who reads the how-tos has already."""


@pytest.fixture
def provider() -> Iterator[str]:
    """On a thread of its own, for processes that are waited for."""
    loop, ready, url = asyncio.new_event_loop(), threading.Event(), ""
    end = asyncio.Event()

    async def live() -> None:
        nonlocal url
        async with await serve_asgi(FakeProvider(Always(ProviderAnswer(chunks=("Hello.",))))) as server:
            url = f"{server.url}/v1"
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
    thread.start()
    ready.wait(10.0)
    yield url
    loop.call_soon_threadsafe(end.set)
    thread.join()
    loop.close()


def is_marked(mark: str) -> bool:
    return mark.startswith(MARKS)


@pytest.mark.parametrize("page", [*PAGES, *HOW_TOS])
def test_a_block_that_is_not_run_says_so_and_is_known_here(page: str) -> None:
    shells = list(blocks(ROOT / page, "sh", "bash", "console"))
    assert shells or "how-to" in page
    for block in shells:
        assert is_marked(block.mark) is (commands(block.text)[0].split("  ")[0] in NOT_RUN), block


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_other_block_does_what_the_page_says(page: str, provider: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    shell = Shell(tmp_path, provider)
    try:
        if "README" in page:
            shell.run("export OPENAI_API_KEY=sk-a AZURE_OPENAI_API_KEY=sk-b")
            shell.run("foreroute serve --config configs/foreroute.yaml")
        for block in blocks(ROOT / page, "sh", "bash", "console"):
            if not is_marked(block.mark):
                for command in commands(block.text):
                    follow(shell, command)
    finally:
        shell.end()


@pytest.mark.slow
def test_the_how_tos_do_what_they_say(provider: str, tmp_path: Path) -> None:
    """All on one server, in the order of their names. The Korean ones have the same commands: see tests/unit/docs."""
    (experiments,) = blocks(ROOT / "docs/how-to/run-an-experiment.md", "yaml")
    (tmp_path / "foreroute.yaml").write_text(HOUSE + experiments.text, encoding="utf-8")
    playbook = list(blocks(ROOT / "docs/how-to/write-a-playbook.md", "yaml"))[1]
    (tmp_path / "my_playbooks.yaml").write_text(playbook.text, encoding="utf-8")
    shell = Shell(tmp_path, provider)
    try:
        shell.run("foreroute serve")
        for page in HOW_TOS:
            for block in blocks(ROOT / page, "sh", "bash", "console"):
                if not is_marked(block.mark) and "/ko/" not in page:
                    for command in commands(block.text):
                        follow(shell, command)
    finally:
        shell.end()


def follow(shell: Shell, command: str) -> None:
    done = shell.run(command)
    if "foreroute forecast" in command:
        done = with_traffic(shell, command)
    said = f"$ {command}\n{done.stdout}{done.stderr}"
    refusal = next((words for name, words in REFUSED.items() if command.endswith(name)), None)
    if refusal is not None:
        assert done.returncode == 1, said
        assert refusal in done.stderr, said
        return
    assert done.returncode == 0, "\n".join(shell.said[-5:])
    for name, words in SEEN.items():
        if name in command:
            assert words in done.stdout, said


def with_traffic(shell: Shell, command: str) -> subprocess.CompletedProcess[str]:
    """A forecast needs some ticks of traffic: a second each here, a minute each for a reader."""
    route = "chat-small" if "openai-us" in command else "chat"
    body = f'{{"model": "{route}", "messages": [{{"role": "user", "content": "hi"}}]}}'
    ask = f"curl -s -o /dev/null {shell.gateway}/v1/chat/completions -H 'content-type: application/json' -d '{body}'"
    done = shell.run(command)
    for _ in range(TRIES):
        if done.returncode == 0:
            break
        shell.run(f"for i in 1 2 3 4 5 6; do {ask}; done; sleep 0.5")
        done = shell.run(command)
    return done


def test_continued_lines_and_comments_are_read_as_a_shell_does() -> None:
    text = "a \\\n  b   # why\n\n# alone\nc 'x#y'\n"
    assert commands(text) == ["a b", "c 'x#y'"]

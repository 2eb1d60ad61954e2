"""Runs the shell blocks of a page as a reader would, in a folder of its own: only addresses and ports are not those on the page."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_END_S: Final = 60.0
_BUSY: Final = re.compile(r"foreroute serve\b")
_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:808[01]")


def commands(block: str) -> list[str]:
    """One by one, continued lines joined, without comments."""
    joined = re.sub(r"\s*\\\n\s*", " ", block)
    lines = (re.sub(r"\s+#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@dataclass
class Shell:
    """Exports last from one command to the next. `provider` takes the place of every channel's address."""

    folder: Path
    provider: str
    gateway: str = ""
    admin: str = ""
    said: list[str] = field(default_factory=list)
    servers: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self._turn_to_loopback()
        for name in ("bin/foreroute", ".venv/bin/foreroute"):
            path = self.folder / name
            path.parent.mkdir(parents=True)
            path.write_text(f'#!/bin/sh\nexec {sys.executable} -m foreroute "$@"\n')
            path.chmod(0o755)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """The command's outcome. A server that it starts takes the place of the one before and goes on serving."""
        if _BUSY.search(command):
            self.end()
            self.servers.enter_context(self._serving(command))
            return subprocess.CompletedProcess(command, 0, "", "")
        state = self.folder / ".exported"
        script = f'[ -f "{state}" ] && . "{state}"\n{self._here(command)}\ncode=$?\nunset FOREROUTE_URL\nexport -p > "{state}"\nexit $code\n'
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=_END_S,
            check=False,
        )
        self.said.append(f"$ {command}\n{done.stdout}{done.stderr}")
        self._turn_to_loopback()
        return done

    def end(self) -> None:
        self.servers.close()

    def environment(self) -> Mapping[str, str]:
        kept = {
            name: os.environ[name] for name in ("HOME", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ
        }
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        admin = {"FOREROUTE_URL": self.admin} if self.admin else {}
        return {**kept, **admin, "PATH": path, "LANG": "C.UTF-8", "FOREROUTE_LANG": "en", "NO_COLOR": "1"}

    @contextmanager
    def _serving(self, command: str) -> Iterator[None]:
        """A server as the command starts it, on free ports; all that follows talks to it."""
        exported = self.folder / ".exported"
        script = f'[ -f "{exported}" ] && . "{exported}"\nexec {command} --port 0 --dashboard-port 0'
        process = subprocess.Popen(
            ["bash", "-c", script], cwd=self.folder, env=self.environment(), stderr=subprocess.PIPE, text=True
        )
        watch = threading.Timer(3 * _END_S, process.kill)
        watch.start()
        drain: threading.Thread | None = None
        try:
            self.gateway, self.admin = _addresses(process)
            drain = threading.Thread(target=lambda: self.said.extend(process.stderr or ()))
            drain.start()
            yield
        finally:
            process.terminate()
            process.wait(_END_S)
            watch.cancel()
            if drain is not None:
                drain.join()
            if process.stderr is not None:
                process.stderr.close()
            self.gateway = self.admin = ""

    def _here(self, command: str) -> str:
        if not self.gateway:
            return command
        return _ADDRESS.sub(lambda match: self.gateway if match[0].endswith("0") else self.admin, command)

    def _turn_to_loopback(self) -> None:
        """Configurations that were written call the provider of the test, tick by the second, and take free ports."""
        for path in (*self.folder.glob("*.yaml"), *self.folder.glob("configs/foreroute.yaml")):
            text = path.read_text(encoding="utf-8")
            if "# turned to loopback" not in text and "channels:" in text:
                text = re.sub(r"base_url: (\$\{[^}]*\}|[^\s,}]+)", f"base_url: {self.provider}", text)
                text = re.sub(r"port: 808[01]", "port: 0", text)
                path.write_text(
                    f"{text}\nloop: {{tick: 1s, collect: 1s}} # turned to loopback\n", encoding="utf-8"
                )


def _addresses(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """The gateway's and the dashboard's, as the server tells them."""
    said, gateway, admin = "", "", ""
    for line in process.stderr or ():
        said += line
        if found := re.search(r"OpenAI base URL +(http://[\d.]+:\d+)", line):
            gateway = found[1]
        if found := re.search(r"[Dd]ashboard +(http://[\d.]+:\d+)", line):
            admin = found[1]
        if gateway and admin:
            return gateway, admin
    raise AssertionError(f"it ended instead of starting:\n{said}")

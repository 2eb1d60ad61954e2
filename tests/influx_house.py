"""A real InfluxDB or VictoriaMetrics on a free loopback port, in a folder of its own: started, killed, started again."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from random import Random
from typing import Any

import orjson

from foreroute.monitor.fold import merge_rollups
from foreroute.store.influx import InfluxOptions, InfluxStore
from foreroute.store.influx_http import Address
from foreroute.store.influx_shipper import Shipping

INFLUXD = "/usr/bin/influxd"
VICTORIA = "/usr/bin/victoria-metrics"
QUICK = Shipping(first_pause_s=0.01, pause_s_max=0.05)
_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
index-version = "tsi1"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
{http}
[monitor]
store-enabled = false
[subscriber]
enabled = false
[continuous_queries]
enabled = false
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One process. `start` waits until it answers."""

    def __init__(self, folder: Path, *, http: str = "", scheme: str = "http") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._http = folder, http
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        config = self._folder / "influxdb.conf"
        text = _CONFIG.format(rpc=free_port(), port=self.port, folder=self._folder, http=self._http)
        config.write_text(text)
        return [INFLUXD, "-config", str(config)]

    def start(self, *, time_shift: str = "") -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        for _ in range(400):
            if self.answers():
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.025)
        raise AssertionError((self._folder / "log").read_text()[-2000:])

    def answers(self) -> bool:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)):
                return False
        if self.url.startswith("https"):
            return True
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def kill(self) -> None:
        """As a power cut would, for the process."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """It takes connections and says nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def _end(self, by: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait()
            self._process = None

    def query(self, question: str, database: str = "") -> list[dict[str, Any]]:
        body = urllib.parse.urlencode({"q": question, "db": database, "epoch": "ns"}).encode()
        with urllib.request.urlopen(f"{self.url}/query", body, timeout=30) as answer:
            (result,) = orjson.loads(answer.read())["results"]
        assert "error" not in result, result
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    def fresh(self, database: str) -> str:
        self.query(f'DROP DATABASE "{database}"')
        self.query(f'CREATE DATABASE "{database}"')
        return database


class Victoria(Server):
    def command(self) -> list[str]:
        return [
            VICTORIA,
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-storageDataPath={self._folder}/data",
            "-retentionPeriod=100y",
            "-dedup.minScrapeInterval=1ms",
            "-search.latencyOffset=0s",
            "-memory.allowedBytes=64000000",
        ]

    def export(self, metric: str) -> list[dict[str, Any]]:
        """Each series: its labels, values and times in milliseconds."""
        with urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=30):
            pass
        wanted = urllib.parse.urlencode({"match[]": metric})
        with urllib.request.urlopen(f"{self.url}/api/v1/export?{wanted}", timeout=30) as answer:
            return [orjson.loads(line) for line in answer.read().splitlines()]


def options(url: str, database: str, **more: Any) -> InfluxOptions:
    """With short pauses between tries. Of `more`, what is no option belongs to the address."""
    chosen = {name: more.pop(name) for name in list(more) if name in InfluxOptions.__slots__}
    address = Address(url=url, database=database, **({"timeout_s": 5.0} | more))
    usual: dict[str, Any] = {"deletes": True, "shipping": QUICK, "chance": Random(1)}
    return InfluxOptions(address=address, **(usual | chosen))


async def opened(path: Path, url: str, database: str, **more: Any) -> InfluxStore:
    return await InfluxStore.open(path, merge_rollups, options(url, database, **more))

import asyncio
import ssl
import subprocess
from datetime import UTC, datetime

import pytest

from foreroute.app.certificates import note_certificates
from foreroute.app.grouping import NightlyGroups, run_any
from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, RegionId, RequestId, RouteName
from foreroute.heal.clusters import ClusterJob, Clusters
from foreroute.heal.learning import FailureLearning

_MAKE = [
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "5",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost",
]
AT = 1_772_409_600.0
DAY = 86_400.0


class NoFits:
    def __init__(self) -> None:
        self.adopted: list[object] = []

    async def start(self):
        pass

    async def due(self, at):
        return ["fit"]

    async def adopt(self, result, at):
        self.adopted.append(result)


def learning() -> FailureLearning:
    made = FailureLearning()
    made.observe(
        [
            Attempt(
                request_id=RequestId("r"),
                number=1,
                route=RouteName("r"),
                channel=ChannelId("a"),
                started_at=AT,
                duration_s=1.0,
                outcome=Outcome.FAILURE,
                reason=PickReason.CONFIGURED,
                plan_version=1,
                failure_class=FailureClass.UNKNOWN,
                error="worker gone",
            )
        ]
    )
    return made


async def test_unnamed_failures_are_grouped_once_a_night():
    fits, learnt = NoFits(), learning()
    stage = NightlyGroups(fits, learnt)
    assert await stage.due(AT) == ["fit"]  # the night of the start has been
    assert await stage.due(AT + 60) == ["fit"]
    _, job = await stage.due(AT + DAY)
    assert isinstance(job, ClusterJob)
    assert await stage.due(AT + DAY + 60) == ["fit"]
    name = learnt.unnamed()[0].id
    await stage.adopt(Clusters({name: "g-1"}), AT)
    await stage.adopt("model", AT)
    assert learnt.patterns()[0].group == "g-1"
    assert fits.adopted == ["model"]
    assert run_any(ClusterJob({"a": "x"})) == Clusters({})


@pytest.fixture
def certificate(tmp_path):
    key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = (
        subprocess.run(
            [*_MAKE, "-keyout", str(key), "-out", str(file)],
            capture_output=True,
            check=False,
        )
        if _has_openssl()
        else None
    )
    if made is None or made.returncode:
        pytest.skip("openssl cannot make a certificate here")
    return file, key


def _has_openssl() -> bool:
    try:
        return subprocess.run(["openssl", "version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


async def test_the_end_of_a_servers_certificate_is_noted(certificate):
    file, key = certificate
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file, key)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "localhost", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cafile=str(file))
    noted: dict[ChannelId, float] = {}

    def channel(name: str, url: str) -> Channel:
        return Channel(
            id=ChannelId(name), provider="p", cloud="c", region=RegionId("r"), model="m", base_url=url
        )

    channels = [
        channel("a", f"https://localhost:{port}/v1"),
        channel("plain", "http://localhost/v1"),
        channel("gone", "https://localhost:1/v1"),
    ]
    async with server:
        now = datetime.now(UTC).timestamp()
        await note_certificates(channels, noted.__setitem__, now, trusting)
    assert list(noted) == ["a"]
    assert 4 * DAY < noted[ChannelId("a")] - now < 6 * DAY

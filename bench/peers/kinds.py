"""What every gateway is to a benchmark: something that serves model names, each over some channels."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".peers"
"""Where the peers are installed, each in an environment of its own."""
SILENCE_MAX_S: Final = 5
"""Every gateway that has a timeout is told that five seconds without a byte are too long."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One upstream behind a model name."""

    id: str
    base_url: str
    """Up to and including `/v1`."""


@dataclass(frozen=True, slots=True)
class Model:
    """One public model name and the channels that may serve it, all alike."""

    name: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Serving:
    """A gateway that answers `POST /v1/chat/completions`."""

    port: int
    pid: int
    """The first of its processes; it leads a session of its own."""
    ready_s: float
    """From its start until it was ready."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """To be sent with every request."""
    headers_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Model name → headers to be sent with requests for it."""

    def headers_for(self, model: str) -> dict[str, str]:
        return {**self.headers, **self.headers_of.get(model, {})}


class Gateway(Protocol):
    """One kind of gateway."""

    name: str
    models_max: int | None
    """How many model names one process can tell apart; None: any number."""
    fresh: bool
    """Whether each fault needs a process of its own, because state would leak from one model name to another."""
    settings: str
    """How it is set up, in a sentence, for the published table."""

    def version(self) -> str | None:
        """None: not installed."""
        ...

    def serve(self, models: Sequence[Model], folder: Path) -> AbstractAsyncContextManager[Serving]:
        """Starts it and ends it. Configuration and log go to `folder`. Raises RuntimeError if it does not come up."""
        ...


class Peer(Gateway, Protocol):
    """A gateway of others, installed from packages."""

    def install(self) -> list[list[str]]:
        """The commands that install it, to be run in `FOLDER`."""
        ...

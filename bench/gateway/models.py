"""The model names that the loads ask for, and what the upstream does behind each."""

from dataclasses import dataclass
from typing import Final

from bench.gateway.upstream import IDLE
from bench.peers import Channel, Model

FEW, MANY = 2, 52
_CHANNELS: Final = 3


@dataclass(frozen=True, slots=True)
class Route:
    """A model name that the upstream answers in one way."""

    name: str
    behaviour: str
    """Milliseconds before the first byte / chunks of a stream (0: a whole answer)."""

    def model(self, upstream: int) -> Model:
        channels = [
            Channel(f"{self.name}-{number}", f"http://127.0.0.1:{upstream}/{self.behaviour}/v1")
            for number in range(_CHANNELS)
        ]
        return Model(self.name, tuple(channels))


PLAIN: Final = Route("plain", "0/0")
SLOW: Final = Route("slow", "50/0")
FEW_CHUNKS: Final = Route("few", f"0/{FEW}")
MANY_CHUNKS: Final = Route("many", f"0/{MANY}")
IDLE_STREAM: Final = Route("idle", f"0/{IDLE}")
"""Answers nothing more after its first chunk."""

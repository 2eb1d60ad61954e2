"""Gateways that a benchmark can start: Foreroute, and the peers that it is compared with (`peers.md`)."""

from typing import Final

from bench.peers.foreroute import Foreroute
from bench.peers.kinds import Channel, Gateway, Model, Peer, Serving
from bench.peers.litellm import LiteLLM
from bench.peers.portkey import Portkey
from bench.peers.vllm_router import VllmRouter

FOREROUTE: Final[Gateway] = Foreroute()
PEERS: Final[tuple[Peer, ...]] = (LiteLLM(), Portkey(), VllmRouter())


def installed() -> tuple[Peer, ...]:
    return tuple(peer for peer in PEERS if peer.version() is not None)


def missing_note() -> str | None:
    """Which peers are not there and how to get them; None: all are."""
    gone = [peer.name for peer in PEERS if peer.version() is None]
    return (
        f"not installed: {', '.join(gone)}; python -m bench.peers install {' '.join(gone)}" if gone else None
    )


__all__ = [
    "FOREROUTE",
    "PEERS",
    "Channel",
    "Foreroute",
    "Gateway",
    "Model",
    "Peer",
    "Serving",
    "installed",
    "missing_note",
]

"""The faults that can be put to every gateway: those of the one catalogue that need two channels and their answers alone."""

from typing import Final

from foreroute.chaos.acts import SILENCE_S
from foreroute.chaos.catalogue import FAULTS as EVERY
from foreroute.chaos.fault import Fault, Kind
from foreroute.chaos.refusals import RETRY_AFTER_S

PATIENCE_S: Final = 20.0
"""How long the client waits for the end of an answer."""
FAULTS: Final[tuple[Fault, ...]] = tuple(fault for fault in EVERY if fault.compared)

__all__ = ["FAULTS", "PATIENCE_S", "RETRY_AFTER_S", "SILENCE_S", "Fault", "Kind"]

"""The rhythm of the control loop, and how far it looks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """Seconds throughout."""

    tick_s: float = 60.0
    collect_s: float = 5.0
    """How often attempts are taken in and stored between ticks: little at a time, and soon to be found."""
    history_s: float = 10_800.0
    """How far back the stages look."""
    observe_s: float = 180.0
    """The observation window of the reactive policy."""
    horizon_s: float = 900.0
    """The forecast horizon that may move a share."""
    heal_s: float = 900.0
    undo_hold_s: float = 1800.0
    wait_for_fits: bool = False
    """A tick waits for the fits that the one before asked for: for runs that must be reproducible."""
    prune_every_s: float = 60.0
    """How often old rollups are made coarser and old records go, a bounded piece at a time."""
    keep_every_s: float = 600.0
    """How often what was learnt is written down."""

"""Trouble in the house itself: the gateway serves on, and nothing is lost."""

from typing import Final

from foreroute.chaos.catalogue.house_plays import (
    all_stored,
    clock_set,
    control_dies,
    disk_fills_up,
    loop_lives,
    store_locked,
)
from foreroute.chaos.fault import Course, Expected, Fault

_WITH_LOOP: Final = Course(control=True, pace_s=1.0)
_STORED: Final = Expected(checks=(all_stored,))
_LIVES: Final = Expected(checks=(all_stored, loop_lives))

HOUSE: Final = (
    Fault(id="control_dead", what="the control loop dies", healthy=True, play=control_dies, course=_WITH_LOOP,
          expected=_STORED),
    Fault(id="store_locked", what="SQLite is locked for three minutes", healthy=True, play=store_locked,
          course=_WITH_LOOP, expected=_LIVES),
    Fault(id="disk_full", what="the disk is full for three minutes", healthy=True, play=disk_fills_up,
          course=_WITH_LOOP, expected=_LIVES),
    Fault(id="clock_forward", what="the clock is set an hour forward", healthy=True,
          play=clock_set(3600.0), course=_WITH_LOOP, expected=_LIVES),
    Fault(id="clock_back", what="the clock is set an hour back", healthy=True,
          play=clock_set(-3600.0), course=_WITH_LOOP, expected=_LIVES),
)  # fmt: skip

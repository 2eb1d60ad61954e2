"""The house's own acts gone wrong: bounds, canaries and verification stop them, and a crash leaves none half done."""

from typing import Final

from foreroute.chaos import refusals
from foreroute.chaos.catalogue.playbook_plays import (
    bad_playbooks,
    crash_before_verdict,
    everything_out,
    harm_is_undone,
    never_all_out,
    one_out_of_two,
    steps_once,
)
from foreroute.chaos.catalogue.tuning_plays import hasty, one_parameter, trial_stopped
from foreroute.chaos.fault import Course, Expected, Fault
from foreroute.core.failure import FailureClass as F

_WITH_LOOP: Final = Course(control=True, pace_s=0.25, fault_s=600.0)

ACTS_GONE_WRONG: Final = (
    Fault(id="bad_tuner_proposal", what="the tuner wants a first chunk within 50 ms, at once, where some take 4 s",
          healthy=True, stream=True, play=hasty, configured=one_parameter,
          course=Course(control=True, pace_s=0.25, fault_s=1200.0),
          expected=Expected(within_s=8.5, checks=(trial_stopped,))),
    Fault(id="bad_playbook", what="a playbook takes out sound channels, which the others cannot bear",
          healthy=True, play=bad_playbooks, configured=one_out_of_two, course=_WITH_LOOP,
          expected=Expected(within_s=4.0, checks=(harm_is_undone,))),
    Fault(id="bad_playbook_everywhere", what="a playbook takes out all channels at once",
          healthy=True, play=bad_playbooks, configured=everything_out, course=_WITH_LOOP,
          expected=Expected(within_s=4.0, checks=(harm_is_undone, never_all_out))),
    Fault(id="engine_crash", what="the control loop dies between a playbook's steps and its verdict, and starts again",
          act=refusals.overloaded, play=crash_before_verdict,
          course=Course(control=True, pace_s=0.25, fault_s=240.0, after_s=300.0),
          expected=Expected(classes=frozenset({F.OVERLOADED}), checks=(steps_once,))),
)  # fmt: skip

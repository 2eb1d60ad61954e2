"""The catalogue against the real gateway: each fault has to come out as the catalogue says.

In short: the faults last as long as it takes to see a channel go and come back. `foreroute chaos run` plays all in full.
"""

import pytest

from foreroute.chaos.catalogue import FAULTS
from foreroute.chaos.play import play

IN_SHORT = [fault for fault in FAULTS if not fault.course.control]


@pytest.mark.parametrize("fault", IN_SHORT, ids=lambda fault: fault.id)
def test_it_comes_out_as_it_has_to(fault) -> None:
    finding = play(fault, quick=True)
    if finding.untested:
        pytest.skip(finding.untested)
    assert finding.problems == ()


WITH_LOOP = [
    "unsupported_parameter",
    "control_dead",
    "clock_forward",
    "bad_tuner_proposal",
    "bad_playbook",
    "bad_playbook_everywhere",
    "engine_crash",
]


@pytest.mark.parametrize("name", WITH_LOOP)
def test_it_comes_out_as_it_has_to_with_the_control_loop(name: str) -> None:
    (fault,) = (one for one in FAULTS if one.id == name)
    assert play(fault).problems == ()

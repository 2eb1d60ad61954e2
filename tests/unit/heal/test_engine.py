import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.failure import FailureClass as F
from foreroute.core.findings import IncidentState
from foreroute.heal.case import cases_of
from foreroute.heal.engine import HealEngine, HealSettings
from foreroute.heal.playbooks.document import load_playbooks
from foreroute.heal.playbooks.expression_reader import read
from foreroute.heal.playbooks.facts import VOCABULARY
from foreroute.heal.playbooks.playbook import FailureTrigger, Playbook, Step, Verify
from foreroute.heal.playbooks.steps import STEP_S_MAX, Eject, LimitShare, Restore
from foreroute.heal.runner import CANARY, RunSettings

SHIPPED = load_playbooks(Path(__file__).parents[3] / "configs" / "recovery_playbooks.yaml")
Bench = Any
BenchOf = Callable[..., Any]
EJECT = Step(id="eject", action=Eject(for_s=120.0, for_s_max=300.0))
RAMP = Step(id="ramp", action=LimitShare(factor=0.25, for_s=240.0))
WELL = read("ok_rate >= 0.95", VOCABULARY)

OUT = Playbook(
    name="out",
    triggers=(FailureTrigger(classes=frozenset({F.OVERLOADED}), ratio=0.2, min_requests=5),),
    steps=(EJECT, RAMP),
    verify=Verify(success=(WELL,)),
    cooldown_s=60.0,
    max_attempts=3,
)


def engine(*playbooks: Playbook, **settings: Any) -> tuple[HealEngine, tuple[Playbook, ...]]:
    return HealEngine(HealSettings(run=RunSettings(**settings))), playbooks or (OUT,)


def test_from_the_first_bad_window_to_the_verified_end(bench_of: BenchOf):
    bench = bench_of(*engine())
    bench.minutes(3)
    assert bench.minute(failed=15).incidents == ()
    (incident,) = bench.minute(failed=15).incidents
    assert (incident.opened_at, incident.root_cause, incident.state) == (
        180.0,
        F.OVERLOADED,
        IncidentState.MITIGATED,
    )
    assert incident.playbooks_run == ("out",)
    assert incident.steps_done == ("out/eject", "out/ramp")
    assert bench.weight() == 0.0
    bench.minutes(2, attempts=0)
    assert bench.weight() == 0.25
    bench.minutes(1)
    assert bench.findings.incidents[0].state is IncidentState.MITIGATED
    (incident,) = bench.minute().incidents
    assert incident.state is IncidentState.CLOSED
    assert incident.time_to_recover_s == bench.at - 180.0
    assert bench.remedies == ()
    assert bench.minute().incidents == ()


def test_the_same_tick_again_changes_nothing(bench_of: BenchOf):
    bench = bench_of(*engine())
    for failed in (0, 15, 15, 15, 0, 0, 0, 0, 0, 0, 0):
        before = bench.minute(failed=failed)
        assert bench.look() == before


def test_an_id_follows_from_what_happened(bench_of: BenchOf):
    one, other = bench_of(*engine()), bench_of(*engine())
    for bench in (one, other):
        bench.minutes(2, failed=15)
    assert one.findings == other.findings
    assert one.findings.incidents[0].id.startswith("inc-")


def test_a_longer_ejection_each_time_up_to_its_limit_and_no_run_too_many(bench_of: BenchOf):
    bench = bench_of(*engine())
    lengths = []
    for _ in range(60):
        runs = sum(len(incident.playbooks_run) for incident in bench.seen.values())
        bench.minute(failed=15)  # it fails whatever is done
        if sum(len(incident.playbooks_run) for incident in bench.seen.values()) > runs:
            lengths.append(min(r.until for r in bench.remedies if r.weight_max_ratio == 0) - bench.at)
    assert lengths == [120.0, 240.0, 300.0]
    (incident,) = bench.seen.values()
    assert incident.state is IncidentState.OPEN


def test_traffic_returns_as_a_canary_before_it_returns_whole(bench_of: BenchOf):
    eject_only = replace(OUT, steps=(EJECT,))
    bench = bench_of(*engine(eject_only, canary_ratio=0.1, canary_s=180.0, quiet_s=300.0))
    bench.minutes(2, failed=15)
    bench.minutes(2, attempts=0)
    assert [(r.playbook, r.weight_max_ratio) for r in bench.remedies] == [(CANARY, 0.1)]
    bench.minutes(3, attempts=1)  # too few to verify by, but none fails
    assert bench.remedies == ()
    bench.minutes(2, attempts=1)
    (incident,) = bench.seen.values()
    assert incident.state is IncidentState.CLOSED
    assert incident.steps_done == ("out/eject", "canary")


def test_a_canary_that_fails_runs_the_playbook_again(bench_of: BenchOf):
    bench = bench_of(*engine(replace(OUT, steps=OUT.steps[:1])))
    bench.minutes(2, failed=15)
    bench.minutes(2, attempts=0)
    bench.minute(attempts=6, failed=6)
    assert bench.weight() == 0.0
    assert bench.findings.incidents[0].playbooks_run == ("out", "out")


def test_without_any_traffic_it_closes_in_the_end(bench_of: BenchOf):
    bench = bench_of(*engine())
    bench.minutes(2, failed=15)
    bench.minutes(15, attempts=0)
    (incident,) = bench.seen.values()
    assert incident.state is IncidentState.CLOSED


def test_trouble_that_returns_soon_was_never_over(bench_of: BenchOf):
    bench = bench_of(*engine())
    for _ in range(2):
        bench.minutes(2, failed=15)
        bench.minutes(6)
    (incident,) = bench.seen.values()
    assert incident.playbooks_run == ("out", "out")
    bench.minutes(15)
    bench.minutes(2, failed=15)
    assert len(bench.seen) == 2


def test_the_highest_priority_that_fits_runs_and_the_next_when_it_is_used_up(bench_of: BenchOf):
    first = replace(OUT, name="first", priority=90, max_attempts=1)
    last = replace(OUT, name="last", priority=10)
    other = replace(
        OUT, name="other", priority=99, triggers=(FailureTrigger(classes=frozenset({F.DNS_FAILURE})),)
    )
    bench = bench_of(*engine(last, other, first))
    bench.minutes(12, failed=15)
    (incident,) = bench.seen.values()
    assert incident.playbooks_run[:2] == ("first", "last")


def test_a_step_replaces_its_own_bound_and_restore_lifts_them_all(bench_of: BenchOf):
    half = Step(id="ease", action=LimitShare(factor=0.5, for_s=600.0))
    ease = replace(OUT, steps=(half,), cooldown_s=0.0)
    bench = bench_of(*engine(ease))
    bench.minutes(6, failed=15)
    assert [remedy.weight_max_ratio for remedy in bench.remedies] == [0.5]
    clear = replace(OUT, steps=(half, Step(id="clear", action=Restore())))
    bench = bench_of(*engine(clear))
    bench.minutes(2, failed=15)
    assert bench.remedies == ()


def test_one_trouble_in_several_dresses_is_one_incident(bench_of: BenchOf):
    bench = bench_of(*engine())
    for cause in (F.OVERLOADED, F.OVERLOADED, F.SERVER_ERROR, F.TIMEOUT_READ, F.CONNECTION_REFUSED_OR_RESET):
        bench.minute(failed=15, cause=cause)
    assert len(bench.seen) == 1
    bench.minute(failed=15, cause=F.AUTHENTICATION)
    bench.minute(failed=15, cause=F.AUTHENTICATION)
    bench.minutes(1, failed=15)
    assert {incident.root_cause for incident in bench.seen.values()} >= {F.OVERLOADED}


def test_a_dead_key_is_out_at_once_and_asked_again_with_a_canary(bench_of: BenchOf):
    bench = bench_of(HealEngine(HealSettings()), SHIPPED)
    (incident,) = bench.minute(failed=20, cause=F.AUTHENTICATION).incidents
    assert incident.playbooks_run == ("bad-credentials",)
    bench.minutes(14, attempts=0)
    assert bench.weight() == 0.0
    bench.minutes(1, attempts=0)
    assert bench.weight() == 0.1
    bench.minute(attempts=2, failed=2, cause=F.AUTHENTICATION)
    assert bench.weight() == 0.0
    assert len(bench.seen) == 1


def test_throttles_take_a_part_of_the_share_only(bench_of: BenchOf):
    bench = bench_of(HealEngine(HealSettings()), SHIPPED)
    for _ in range(3):
        bench.minute(attempts=40, throttles=20)
    assert [(i.root_cause, i.playbooks_run) for i in bench.findings.incidents] == [
        (F.RATE_LIMITED, ("rate-limited",))
    ]
    assert bench.weight() == 0.6
    bench.minutes(10)
    assert all(incident.state is IncidentState.CLOSED for incident in bench.seen.values())


def test_an_incident_without_a_playbook_is_followed_all_the_same(bench_of: BenchOf):
    bench = bench_of(HealEngine(HealSettings()))
    bench.minutes(4, failed=15)
    assert [incident.state for incident in bench.findings.incidents] == [IncidentState.OPEN]
    bench.minutes(3)
    assert [incident.state for incident in bench.seen.values()] == [IncidentState.CLOSED]


def test_what_the_requests_got_wrong_is_no_incident(bench_of: BenchOf):
    bench = bench_of(*engine())
    for _ in range(5):
        bench.minute()
        bench.history[-2] = replace(
            bench.history[-2], successes=0, ignored=20, failures={F.INVALID_REQUEST: 20}
        )
    assert bench.seen == {}


def test_a_channel_that_leaves_the_configuration_takes_its_incident_along(bench_of: BenchOf):
    bench = bench_of(*engine())
    bench.minutes(2, failed=15)
    bench.channels = bench.channels[1:]
    (incident,) = bench.minute(failed=15).incidents
    assert incident.state is IncidentState.CLOSED
    assert bench.remedies == ()


def test_a_restart_goes_on_where_it_was(bench_of: BenchOf):
    bench = bench_of(*engine())
    bench.minutes(2, failed=15)
    twin = bench_of(HealEngine(HealSettings(), pickle.loads(pickle.dumps(bench.engine.cases))), (OUT,))
    twin.state = pickle.loads(pickle.dumps(bench.state))
    twin.at, twin.history = bench.at, list(bench.history)
    for attempts in (0, 0, 20, 20, 20):
        assert twin.minute(attempts) == bench.minute(attempts)


def test_recorded_incidents_are_taken_up_and_closed(bench_of: BenchOf):
    bench = bench_of(*engine())
    bench.minutes(2, failed=15)
    incident = bench.findings.incidents[0]
    twin = bench_of(HealEngine(HealSettings(), cases_of([incident])), (OUT,))
    twin.state = bench.state
    twin.at, twin.history = bench.at, list(bench.history)
    twin.minute(failed=15)
    assert twin.seen[incident.id].playbooks_run == ("out",)
    assert twin.weight() == 0.0
    twin.minutes(12)
    assert twin.seen[incident.id].state is IncidentState.CLOSED
    assert cases_of(twin.seen.values()) == ()


_PHASES = st.lists(
    st.tuples(
        st.integers(1, 12),
        st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        st.sampled_from([F.OVERLOADED, F.AUTHENTICATION, F.TIMEOUT_READ, F.DNS_FAILURE, F.COLD_START]),
        st.sampled_from([0, 1, 4, 30]),
    ),
    max_size=6,
)


@given(_PHASES, st.sampled_from([0, 1, 30]))
def test_whatever_happens_actions_are_bounded_and_health_closes_every_incident(bench_of, phases, rate_after):
    bench = bench_of(HealEngine(HealSettings()), SHIPPED)
    most = {playbook.name: playbook.max_attempts for playbook in SHIPPED}
    for minutes, ratio, cause, rate in phases:
        for _ in range(minutes):
            attempts = round(rate * bench.weight())
            bench.minute(attempts, failed=round(attempts * ratio), cause=cause)
            _check_bounds(bench, most)
    for _ in range(14 * 60):
        bench.minute(round(rate_after * bench.weight()))
        if not bench.findings.incidents:
            break
    assert all(incident.state is IncidentState.CLOSED for incident in bench.seen.values())
    assert bench.remedies == ()


def _check_bounds(bench: Bench, most: dict[str, int]) -> None:
    for remedy in bench.remedies:
        assert 0.0 <= remedy.weight_max_ratio < 1.0
        assert bench.at < remedy.until <= bench.at + STEP_S_MAX
    for incident in bench.findings.incidents:
        assert all(incident.playbooks_run.count(name) <= most[name] for name in incident.playbooks_run)
        assert incident.opened_at < bench.at
    still = [
        (i.channel, i.root_cause) for i in bench.findings.incidents if i.state is not IncidentState.CLOSED
    ]
    assert len(still) == len(set(still))


@pytest.mark.parametrize("restart_every", [1, 3])
def test_restarts_at_any_time_change_nothing(bench_of: BenchOf, restart_every: int):
    steady, shaky = bench_of(*engine()), bench_of(*engine())
    for minute, failed in enumerate([0, 15, 15, 15, 0, 0, 0, 0, 15, 15, 0, 0, 0, 0, 0]):
        if minute % restart_every == 0:
            shaky.engine = HealEngine(HealSettings(), shaky.engine.cases)
        assert steady.minute(failed=failed) == shaky.minute(failed=failed)

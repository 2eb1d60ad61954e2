from pathlib import Path

import pytest

from foreroute.core.errors import ConfigError
from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureFamily
from foreroute.heal.playbooks.document import load_playbooks, parse_playbooks
from foreroute.heal.playbooks.expression_reader import read
from foreroute.heal.playbooks.facts import VOCABULARY
from foreroute.heal.playbooks.playbook import (
    Canary,
    FailureTrigger,
    ForecastTrigger,
    Frozen,
    Guards,
    OnError,
    Playbook,
    ScheduleTrigger,
    Step,
    ThresholdTrigger,
    Verify,
)
from foreroute.heal.playbooks.steps import Eject, Hook, LimitShare, Restore
from foreroute.heal.recovery import Recovery
from foreroute.heal.scopes import ScopeKind

SHIPPED = Path(__file__).parents[4] / "configs" / "recovery_playbooks.yaml"

WHOLE = """\
apiVersion: foreroute/v1
kind: Playbook
metadata: {name: errors, description: "what"}
spec:
  priority: 65
  triggers:
    - {type: failure, classes: [server_error], ratio: 0.2, count: 3, window: 2m, min_requests: 10}
  steps:
    - {id: clear, action: restore}
    - id: out
      action: eject
      with:
        for: 90s
        max: 0.5h
    - {id: ramp, action: limit_share, with: {factor: 0.25, for: 3m}}
  verify: {after: 30s, window: 3m, success: 0.9, min_samples: 4}
  cooldown: 1m
  max_attempts: 7
"""


def test_a_document_becomes_a_playbook():
    assert parse_playbooks(WHOLE, source="p.yaml") == (
        Playbook(
            name="errors",
            description="what",
            priority=65,
            triggers=(
                FailureTrigger(
                    classes=frozenset({FailureClass.SERVER_ERROR}),
                    window_s=120.0,
                    ratio=0.2,
                    count=3,
                    min_requests=10,
                ),
            ),
            steps=(
                Step(id="clear", action=Restore()),
                Step(id="out", action=Eject(for_s=90.0, for_s_max=1800.0)),
                Step(id="ramp", action=LimitShare(factor=0.25, for_s=180.0)),
            ),
            verify=Verify(
                after_s=30.0, window_s=180.0, success=(read("ok_rate >= 0.9", VOCABULARY),), samples_min=4
            ),
            cooldown_s=60.0,
            max_attempts=7,
        ),
    )


def test_the_shipped_playbooks_cover_every_cause_that_a_channel_can_have():
    playbooks = load_playbooks(SHIPPED)
    covered = {
        kind
        for playbook in playbooks
        for trigger in playbook.triggers
        if isinstance(trigger, FailureTrigger)
        for kind in trigger.classes
    }
    channel_faults = {
        kind
        for kind, advice in FAILURE_ADVICE.items()
        if advice.family is not FailureFamily.REQUEST_FAULT
        and kind is not FailureClass.UNKNOWN  # nobody can say what would help
    }
    assert len(playbooks) == 20
    assert covered == channel_faults
    assert all(playbook.description for playbook in playbooks)


def test_several_documents_and_empty_ones_between():
    text = "---\n" + WHOLE + "---\n---\n" + WHOLE.replace("errors", "more-errors")
    assert [playbook.name for playbook in parse_playbooks(text, source="p")] == ["errors", "more-errors"]


@pytest.mark.parametrize(
    ("old", "new", "where", "message", "hint"),
    [
        ("  priority: 65", "  priorty: 65", "p.yaml:5, document 1, spec.priorty", "unknown key priorty", "did you mean priority?"),
        ("  priority: 65", "  priority: 101", "p.yaml:5, document 1, spec.priority", "less than or equal to 100", "priority: 70"),
        ("for: 90s", "for: 90", "p.yaml:13, document 1, spec.steps.1.with.for", "a number and a unit", "for: 2m"),
        ("for: 90s", "for: 2d", "p.yaml:13", "less than or equal to 86400", ""),
        ("max: 0.5h", "max: 91s\n        max: 92s", "p.yaml:15", "the key max is there twice, first in line 14", "keep one"),
        ("max: 0.5h", "max: 20s", "p.yaml:13", "max is shorter than for", ""),
        ("factor: 0.25", "factor: 1.5", "p.yaml:15", "less than 1", "factor: 0.5"),
        ("action: restore", "action: reboot", "p.yaml:9, document 1, spec.steps.0.action", "there is no action reboot", "set_concurrency"),
        ("action: restore", "action: ejekt", "p.yaml:9", "there is no action ejekt", "did you mean eject?"),
        ("action: restore", "act: restore", "p.yaml:9, document 1, spec.steps.0", "action is missing", "eject"),
        ("type: failure", "type: failur", "p.yaml:7", "there is no type failur", "did you mean failure?"),
        ("for: 3m}", "fro: 3m}", "p.yaml:15, document 1, spec.steps.2.with", "for is missing", "for: 2m"),
        ("for: 3m}", "for: 3m, fro: 1m}", "p.yaml:15, document 1, spec.steps.2.with.fro", "unknown key fro", "known here: for, factor"),
        ("success: 0.9", "success: oc_rate > 1", "p.yaml:16, document 1, spec.verify.success", "there is no 'oc_rate'", "did you mean ok_rate?"),
        ("success: 0.9", "success: [\"count('rate_limted') > 1\"]", "p.yaml:16", "no failure class 'rate_limted'", ""),
        ("success: 0.9", "success: ok_rate", "p.yaml:16", "is a number, not a flag", "compare it"),
        ("{id: clear, action: restore}", "{id: clear, action: note, with: {text: a}, canary: {share: 0.1, for: 1m}}", "p.yaml:9", "note cannot be done in part", "a canary is for"),
        ("  priority: 65", "  escalation: [{after_attempts: 1, run: other}]", "p.yaml:5, document 1, spec.escalation.0.run", "cannot run other", "only one playbook"),
        ("  priority: 65", "  escalation: [{run: other}]", "p.yaml:5", "either after_attempts or after", "after: 10m"),
        ("  priority: 65", "  guards: {freeze: [{begins: 2h, lasts: 1h}]}", "p.yaml:5", "hours and minutes", ""),
        ("[server_error]", "[server_eror]", "p.yaml:7, document 1, spec.triggers.0.classes.0", "unknown failure class", "server_error"),
        ("[server_error]", "[]", "p.yaml:7", "at least 1 item", "server_error"),
        ("id: ramp", "id: out", "p.yaml:5, document 1, spec", "two steps have the id out", ""),
        ("foreroute/v1", "foreroute/v2", "p.yaml:1", "'foreroute/v1'", "apiVersion: foreroute/v1"),
        ("kind: Playbook\n", "", "p.yaml:1, document 1, kind", "kind is missing", "kind: Playbook"),
        ("  priority: 65", "  priority: 65\n  priority: 70", "p.yaml:6", "the key priority is there twice", "keep one"),
        ("  priority: 65", "  priority: [", "p.yaml:7", "not valid YAML", ""),
        ("  priority: 65", "  priority: !!python/object:os.system 1", "p.yaml:1", "not valid YAML", ""),
        ("window: 2m", "window: 1h", "p.yaml:7", "less than or equal to 900", "window: 2m"),
    ],
)  # fmt: skip
def test_a_mistake_says_where_it_is_and_what_would_be_right(old, new, where, message, hint):
    assert old in WHOLE
    with pytest.raises(ConfigError) as caught:
        parse_playbooks(WHOLE.replace(old, new, 1), source="p.yaml")
    assert caught.value.where.startswith(where)
    assert message in caught.value.message
    assert hint in caught.value.hint


EVERYTHING = """\
apiVersion: foreroute/v1
kind: Playbook
metadata: {name: all-of-it}
spec:
  mode: approve
  triggers:
    - {type: forecast, metric: latency_p95, horizon: 30m, above: 2.5, probability: 0.9}
    - {type: threshold, expr: "failing_share >= 0.6", hold: 2m, scope: region}
    - {type: schedule, at: "02:30", days: [sat, sun]}
  conditions: ["healthy_alternatives >= 1"]
  guards:
    min_healthy_share: 0.5
    max_shift_per_step: 0.25
    freeze: [{begins: "22:00", lasts: 8h, days: [fri]}]
  steps:
    - {id: out, action: limit_share, with: {factor: 0.5, for: 5m}, canary: {share: 0.2, for: 1m}}
    - {id: again, action: hook, with: {name: restart}, timeout: 2m, on_error: abort, when: "probe_ok == False"}
  recovered: {window: 3m, success: 0.9, min_requests: 3}
  timeout: 20m
"""


def test_everything_that_can_be_written_becomes_what_it_says():
    (playbook,) = parse_playbooks(EVERYTHING, source="p")
    forecast, threshold, schedule = playbook.triggers
    assert isinstance(forecast, ForecastTrigger)
    assert (forecast.horizon_s, forecast.above, forecast.probability) == (1800.0, 2.5, 0.9)
    assert isinstance(threshold, ThresholdTrigger)
    assert (threshold.hold_s, threshold.scope) == (120.0, ScopeKind.REGION)
    assert schedule == ScheduleTrigger(at_s=9000.0, days=frozenset({5, 6}))
    frozen = Frozen(begins_s=79_200.0, lasts_s=28_800.0, days=frozenset({4}))
    assert playbook.guards == Guards(healthy_share_min=0.5, shift_max=0.25, freeze=(frozen,))
    out, again = playbook.steps
    assert out.canary == Canary(share=0.2, for_s=60.0)
    assert (again.action, again.on_error, again.timeout_s) == (Hook(name="restart"), OnError.ABORT, 120.0)
    assert playbook.recovered == Recovery(window_s=180.0, success=0.9, min_requests=3)
    assert (playbook.mode, playbook.timeout_s) == ("approve", 1200.0)


def test_two_playbooks_cannot_share_a_name():
    with pytest.raises(ConfigError, match="a second playbook is called errors") as caught:
        parse_playbooks(WHOLE + "---\n" + WHOLE, source="p")
    assert "document 2" in caught.value.where


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n"])
def test_a_file_without_playbooks_is_refused(text):
    with pytest.raises(ConfigError, match="holds no playbook"):
        parse_playbooks(text, source="p")


@pytest.mark.parametrize("text", ["- 1\n", "hello\n", "{[1]: 2, [1]: 3}\n", "? {a: 1}\n: 2\n"])
def test_what_is_no_playbook_at_all_is_refused(text):
    with pytest.raises(ConfigError):
        parse_playbooks(text, source="p")


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_playbooks(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_playbooks(tmp_path / "bad.yaml")

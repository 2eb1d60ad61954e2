"""Entries on record as acts of incidents."""

import orjson

from foreroute.control.decision_log import AUDIT, audit_record
from foreroute.control.incidents.acts import noted_acts, playbook_acts
from foreroute.control.incidents.noted import TUNING, noted
from foreroute.control.incidents.seen import Trouble
from foreroute.core.ids import ChannelId
from foreroute.core.incident import ActKind
from foreroute.core.ports import Record

AT = 1_772_442_000.0


def record(kind: str, name: str, **body: object) -> Record:
    return Record(kind=kind, id=name, at=AT, body=orjson.dumps(body))


RUN = record(
    AUDIT,
    "1772442000.000000/playbook/run-abc/3/2",
    action="playbook",
    detail="overloaded on channel:a: began",
    run="run-abc",
    trigger="9 of 10 failed",
    undo="eject: ends by itself",
)
TUNED = record(
    TUNING,
    "t/1",
    channel="a",
    parameter="first_chunk",
    old=[60.0, 0, 0, None],
    new=[20.5, 0, 0, None],
    event="applied",
    reason="p99.5 is 12 s",
)


def test_a_run_is_told_by_its_name_with_its_undoing() -> None:
    (act,) = noted([RUN])
    assert (act.id, act.kind, act.why, act.undo) == (
        "run-abc/2",
        ActKind.PLAYBOOK,
        "9 of 10 failed",
        "eject: ends by itself",
    )


def test_a_tuned_limit_says_from_where_to_where() -> None:
    (act,) = noted([TUNED])
    assert act.kind is ActKind.TUNER
    assert act.what == "tune: a first_chunk from 60 to 20.5 (applied)"
    assert act.why == "p99.5 is 12 s"


def test_what_cannot_be_read_is_passed_over() -> None:
    odd = [Record(kind=AUDIT, id="x", at=AT, body=b"{"), Record(kind=AUDIT, id="y", at=AT, body=b"[1]")]
    assert noted(odd) == []
    (act,) = noted([record(TUNING, "z")])
    assert act.what == "tune: None None from ? to ? (None)"


def test_only_what_concerns_the_channels_or_everybody_is_taken() -> None:
    acts = noted([RUN, TUNED, audit_record(at=AT, action="undo", detail="undid decision d1")])
    assert [act.id for act in noted_acts(acts, {"a"})] == [act.id for act in acts]
    assert [act.what for act in noted_acts(acts, {"zz"})] == ["undo: undid decision d1"]


def test_runs_with_an_account_of_their_own_are_not_told_twice() -> None:
    trouble = Trouble(
        channel=ChannelId("a"), kind="slow", since_at=AT, playbooks=("overloaded",), incident="inc-1"
    )
    assert [act.id for act in playbook_acts([trouble], [], AT, applied=True)] == ["inc-1/1"]
    assert playbook_acts([trouble], noted([RUN]), AT, applied=True) == []

"""The words of conditions, each with something behind it."""

from dataclasses import replace

from foreroute.core.ids import ChannelId
from foreroute.heal.playbooks.facts import MEANINGS, VOCABULARY, Facts, facts_of
from foreroute.heal.playbooks.scene import Asked
from foreroute.heal.playbooks.sight import Sight

A = ChannelId("a")


def test_every_word_is_worked_out_and_is_of_its_kind() -> None:
    facts = facts_of(Sight(at=600.0), Asked(channels=(A,)))
    for name, kind in VOCABULARY.names.items():
        value = facts.value(name)
        assert value is None or isinstance(value, {"number": float, "flag": bool, "text": str}[kind.value]), (
            name
        )
    assert set(VOCABULARY.names) == set(MEANINGS)


def test_nothing_is_known_without_a_scene() -> None:
    facts = Facts()
    assert {facts.value(name) for name in VOCABULARY.names} == {None}
    assert facts.call("count", ["server_error"]) == 0.0
    assert facts.call("ratio", ["server_error"]) is None


def test_a_sight_that_is_changed_forgets_what_it_has_looked_up() -> None:
    sight = Sight(at=600.0, groups=(frozenset({A, ChannelId("b")}),))
    assert sight.peers((A,)) == ("b",)
    assert replace(sight, groups=()).peers((A,)) == ()

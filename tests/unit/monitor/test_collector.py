import threading

from foreroute.monitor.collector import Collector, Fanout
from foreroute.testing.check_store import an_attempt


def test_what_is_recorded_is_drained_once_and_in_order() -> None:
    collector = Collector()
    many = [an_attempt(n) for n in range(1, 6)]
    for one in many:
        collector.record(one)
    assert collector.drain() == many
    assert collector.drain() == []
    assert (collector.recorded, collector.dropped) == (5, 0)


def test_a_full_queue_drops_the_oldest_and_counts_them() -> None:
    collector = Collector(waiting_max=3)
    for n in range(1, 6):
        collector.record(an_attempt(n))
    assert [one.number for one in collector.drain()] == [3, 4, 5]
    assert (collector.recorded, collector.dropped) == (5, 2)


def test_draining_while_others_record_loses_nothing() -> None:
    collector, taken = Collector(), []
    one = an_attempt()

    def record() -> None:
        for _ in range(20_000):
            collector.record(one)

    thread = threading.Thread(target=record)
    thread.start()
    while thread.is_alive():
        taken += collector.drain()
    thread.join()
    taken += collector.drain()
    assert len(taken) == 20_000


def test_a_full_queue_counts_every_attempt_while_many_record_and_one_drains() -> None:
    collector, taken = Collector(waiting_max=50), []
    one = an_attempt()

    def record() -> None:
        for _ in range(5_000):
            collector.record(one)

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        taken += collector.drain()
    taken += collector.drain()
    assert collector.recorded == 20_000
    assert len(taken) + collector.dropped == 20_000


def test_recording_does_not_wait_for_whoever_drains() -> None:
    collector = Collector(waiting_max=1)
    with collector._taking:
        for n in range(1, 4):
            collector.record(an_attempt(n))
    assert [one.number for one in collector.drain()] == [1, 2, 3]


def test_a_fanout_reaches_every_sink() -> None:
    first, second = Collector(), Collector()
    Fanout([first, second]).record(an_attempt())
    assert (first.recorded, second.recorded) == (1, 1)

import json

import pytest
from bench.gateway.driver import Load, request
from bench.gateway.rows import added_row, ratio_rows


def test_a_request_has_the_length_that_was_asked_for() -> None:
    head, _, body = request("m", body_bytes=32 * 1024, headers={"authorization": "Bearer x"}).partition(
        b"\r\n\r\n"
    )
    assert len(body) == 32 * 1024
    assert b"content-length: 32768" in head
    assert b"authorization: Bearer x" in head
    assert json.loads(body)["model"] == "m"


def test_a_ratio_is_of_medians_and_leaves_foreroute_out() -> None:
    (row,) = ratio_rows("foreroute", {"foreroute": [0.5, 0.4, 9.0], "litellm": [10.0, 5.0, 1.0]})
    assert row.id == "gateway.cpu_ratio.litellm"
    assert row.value == pytest.approx(10.0)
    assert row.baseline == "litellm 5.00 ms, foreroute 0.50 ms"


def test_added_latency_is_the_median_of_turns() -> None:
    turns = [(Load(1, [50.0]), Load(1, [50.0 + more])) for more in (1.0, 9.0, 2.0)]
    assert added_row(turns, 0.5, "p50", 50).value == pytest.approx(2.0)

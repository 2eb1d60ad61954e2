import gzip
from pathlib import Path

import pytest

from foreroute.core.errors import ForerouteError
from foreroute.simulate.traffic import read_trace

ROWS = """ts,series,prompt_tokens,output_tokens
2023-11-16T18:17:04.000000Z,code,4808,10
2023-11-16T18:17:03.500000Z,code,10,7
2023-11-16T18:17:06.000000Z,conv,30,9
"""


def test_a_trace_is_read_in_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(ROWS)
    assert [(a.offset_s, a.input_tokens) for a in read_trace(path)] == [(0.0, 10), (0.5, 4808), (2.5, 30)]


def test_gzip_and_thinning(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv.gz"
    path.write_bytes(gzip.compress(ROWS.encode()))
    assert [a.output_tokens for a in read_trace(path, keep_every=2)] == [7, 9]


@pytest.mark.parametrize("bad", ["2023-11-16T18:17:07Z,code,many,1", "yesterday,code,1,1"])
def test_a_bad_line_is_named(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(ROWS + bad + "\n")
    with pytest.raises(ForerouteError, match=r"trace\.csv:5: not a line of a request trace"):
        read_trace(path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("when,what\n1,2\n")
    with pytest.raises(ForerouteError, match="it needs the columns ts, prompt_tokens, output_tokens"):
        read_trace(path)

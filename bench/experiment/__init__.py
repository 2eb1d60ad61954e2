"""Whether experiments keep their promise: how often an arm that makes no difference is called better or worse while
somebody looks after every request, how often a stated difference is found, and what knowing a request's size is worth.

The intervals are the product's own functions, fed with running sums, one element an instant. Beside them stands what is
commonly done: a t-test at each look. Latencies are lognormal up to the heaviest tail that was measured on providers
(p95/p50 of 3.7), and recorded requests (`../shared/data/forecast/genai_requests.csv.gz`), drawn at random with
replacement. Where the recording is absent its rows are left out.
"""

from bench.experiment import assign, clusters, recorded, rows, switchbacks
from bench.report import Row


def run(*, quick: bool) -> list[Row]:
    repeats = 100 if quick else 2000
    return [
        *rows.false_alarms(repeats),
        *rows.power(repeats),
        *recorded.rows(repeats),
        *clusters.rows(repeats),
        *switchbacks.rows(repeats),
        *assign.rows(),
    ]

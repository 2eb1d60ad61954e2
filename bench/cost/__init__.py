"""What cost forecasts miss by on recorded LLM traffic, and how long the optimum takes.

The traffic is `llm_api_request_rates_10min` (97 clients of two models, ten days, with mean tokens). Prices are
2.50 and 10 US dollars per million tokens of input and output for all, so that errors are those of the traffic. The
settings of the method were chosen on the half of the clients whose name has an even SHA-256; the other half is scored
here. Skipped, and said so, where the data are absent.
"""

from bench.cost import forecast, ledger, market, solve
from bench.report import Row


def run(*, quick: bool) -> list[Row]:
    return [*forecast.rows(), *solve.rows(quick=quick), *market.rows(), *ledger.rows(quick=quick)]

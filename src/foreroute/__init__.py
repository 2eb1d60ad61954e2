"""Foreroute forecasts every LLM channel's latency, failures and cost, and reroutes before users notice."""

from typing import Final

__version__: Final = "0.1.0"

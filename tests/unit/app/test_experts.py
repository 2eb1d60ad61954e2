"""What the settings make of the plug-ins."""

from foreroute.app.experts import build_plug_ins
from foreroute.forecast.registry import apart
from foreroute.monitor.fold import merge_rollups
from foreroute.settings import Settings, parse_settings
from foreroute.store.memory import MemoryStore

CONFIG = """
forecast: {{models: [{models}], answer_every: 10m, horizons: [15m, 1h]}}
channels: [{{id: a, provider: openai, region: r, model: m, base_url: "http://127.0.0.1:1/v1"}}]
routes: [{{model: m, targets: [{{channel: a}}]}}]
"""


def settings(models: str) -> Settings:
    return parse_settings(CONFIG.format(models=models).encode(), name="foreroute.yaml", environment={})


def test_the_engines_own_models_are_no_plug_ins() -> None:
    built = build_plug_ins(settings("naive, trend"), MemoryStore(merge_rollups).rollups)
    assert built.experts.names == ()


def test_named_plug_ins_are_there_by_kind() -> None:
    built = build_plug_ins(
        settings("smoothing, ets, arima, lightgbm, foundation"), MemoryStore(merge_rollups).rollups
    )
    assert built.experts.names == ("smoothing", "ets", "arima", "lightgbm", "foundation")
    assert built.experts.pooled_names == ("lightgbm", "foundation")


def test_what_is_not_ours_answers_apart() -> None:
    assert apart(["ets", "lightgbm", "foundation", "somebody"]) == {"foundation", "somebody"}

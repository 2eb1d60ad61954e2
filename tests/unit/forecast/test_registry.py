"""Forecasters by name, and names that are taken."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from foreroute.core.errors import ConfigError
from foreroute.forecast import registry
from foreroute.forecast.bank.bank import ForecastBank
from foreroute.forecast.bank.settings import BankSettings


@dataclass(frozen=True)
class Theirs:
    """A forecaster of another package, as far as its name is concerned."""

    name: str = "theirs"


@dataclass(frozen=True)
class TakenForTheMixture:
    name: str = "ensemble"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three packages with a forecaster each, as `entry_points` would list them."""
    points = [
        EntryPoint(name, f"{__name__}:{kind}", group)
        for name, kind, group in (
            ("theirs", "Theirs", "foreroute.forecasters"),
            ("average_15", "Theirs", "foreroute.forecasters"),
            ("hidden", "TakenForTheMixture", "foreroute.pooled_forecasters"),
        )
    ]
    found = EntryPoints(points)
    monkeypatch.setattr(registry, "entry_points", lambda group: found.select(group=group))


@pytest.mark.usefixtures("installed")
def test_a_model_of_another_package_is_found_by_its_name() -> None:
    assert [one.name for one in registry.forecasters(["theirs"])] == ["naive", "theirs"]


@pytest.mark.usefixtures("installed")
def test_a_plug_in_with_the_name_of_one_of_the_engines_experts_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'average_15'.*Theirs.*expert of the default engine"):
        registry.forecasters(["average_15"])


@pytest.mark.usefixtures("installed")
def test_it_is_refused_too_where_only_what_it_makes_has_that_name() -> None:
    with pytest.raises(ConfigError, match=r"'ensemble'.*TakenForTheMixture"):
        registry.pooled_forecasters(["hidden"])


@pytest.mark.parametrize("names", [("profile",), ("last",), ("mine", "mine")])
def test_a_bank_takes_no_two_experts_of_one_name(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"already: {names[0]}"):
        ForecastBank(BankSettings(plug_ins=names))

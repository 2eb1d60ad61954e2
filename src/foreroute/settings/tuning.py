"""How far the gateway's limits may be tuned by what is measured."""

from typing import Self

from pydantic import Field, model_validator

from foreroute.core.limits import Parameter
from foreroute.settings.section import Section
from foreroute.settings.units import Duration, Ratio


class TuningBoundSettings(Section):
    """Hard bounds of one parameter, in its own unit: seconds, attempts, or a ratio."""

    parameter: Parameter
    """`connect`, `first_chunk`, `stall`, `total`, `concurrency`, `admission`, `failures_in_row`, `outlier_ratio` or
    `retry_ratio`."""
    least: float = Field(gt=0.0)
    """No step goes below."""
    most: float = Field(gt=0.0)
    """No step goes above. A configured value beyond a bound stays until a step leads back."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least >= self.most:
            raise ValueError(f"least ({self.least:g}) must be under most ({self.most:g})")
        return self


class TuningSettings(Section):
    """Timeouts and other limits that follow what is measured. How far it may go is `rollout.tuning`."""

    parameters: tuple[Parameter, ...] = tuple(Parameter)
    """Those that are tuned; empty: none, and nothing is learnt for it."""
    every: Duration = 60.0
    """How often it looks, at a tick."""
    bounds: tuple[TuningBoundSettings, ...] = ()
    """In the place of the built-in hard bounds."""
    dead_band: Ratio = 0.1
    """Smaller changes, as a part of the value, are not made."""
    step_max: Ratio = 0.25
    """The most that one step changes a value by."""
    tighten_every: Duration = 600.0
    """Between two steps of a channel."""
    loosen_every: Duration = 120.0
    """Between two steps of a channel that take harm from users."""
    settle: Duration = 3600.0
    """A timeout that was made longer is not made shorter again before."""
    samples_min: int = Field(200, ge=20)
    """So many durations before a timeout is proposed."""
    young_samples_min: int = Field(1000, ge=20)
    """A channel with fewer is young: none of its timeouts is made shorter."""
    canary_ratio: Ratio = 0.1
    """The part of the requests that tries a step before all have it."""
    canary_samples_min: int = Field(100, ge=20)
    """So many of them, and of the others, before it is decided."""
    canary_min: Duration = 600.0
    """A trial lasts so long at least."""
    canary_max: Duration = 7200.0
    """A trial that has told nothing by then is rolled back."""
    held: Duration = 3600.0
    """So long a parameter is left alone after a rollback; twice as long after each further one."""
    leash_ratio: Ratio = 0.01
    """The part of the requests that runs with twice the tuned timeouts, so that it is seen what they cut off."""

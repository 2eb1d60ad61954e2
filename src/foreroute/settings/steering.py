"""How far the control loop may go, and its rhythm."""

from pydantic import Field

from foreroute.settings.section import Section
from foreroute.settings.units import Duration, Ratio


class GuardrailSettings(Section):
    """The bounds of every automatic change."""

    share_step_max: Ratio = 0.15
    """The most that one decision may move any channel's share, playbook ejections excepted."""
    share_floor: Ratio = 0.03
    """What a relieved channel keeps, so that its recovery can be seen."""
    share_change_min: Ratio = 0.01
    """Smaller changes are not made: they are noise."""
    ejected_ratio_max: Ratio = 0.5
    """The largest part of a route's channels that may be relieved at a time."""
    healthy_ratio_min: Ratio = 0.3
    """Panic threshold: below this healthy part of the weight nothing is relieved any more."""
    samples_min: int = Field(5, ge=1)
    """Attempts that the observed window must hold before it says anything."""
    failure_ratio_max: Ratio = 0.25
    """More failed attempts than this relieve a channel (reactive)."""
    breach_probability_min: Ratio = 0.6
    """How sure a forecast must be before it moves traffic."""
    breach_probability_clear: Ratio = 0.3
    """Below this the forecast trouble counts as over."""
    dwell: Duration = 300.0
    """How long trouble must be gone before the share returns."""
    actions_per_hour_max: int = Field(60, ge=0)
    """Automatic changes of the plan; 0 makes none."""
    plan_valid: Duration = 600.0
    """After this long without the control loop the configured weights serve."""


class LoopSettings(Section):
    """The control loop's rhythm."""

    tick: Duration = 60.0
    """How often the loop looks, forecasts and decides."""
    collect: Duration = 5.0
    """How often attempts are stored between those rounds."""
    history: Duration = 10800.0
    """How far back forecasts and detectors look."""
    observe: Duration = 180.0
    """The window of the reactive policy."""
    horizon: Duration = 900.0
    """How far ahead a forecast may move traffic."""
    fit_workers: int = Field(1, ge=0, le=64)
    """Processes that fit models. 0: no fitted models."""

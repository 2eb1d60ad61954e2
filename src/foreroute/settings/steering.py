"""How far the control loop may go, and its rhythm."""

from typing import Literal

from pydantic import Field

from foreroute.core.decision import Autopilot
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
    young_measured_min: int = Field(30, ge=0)
    """A channel with fewer measured minutes is young: the next two bounds hold for it."""
    young_samples_min: int = Field(10, ge=1)
    """`samples_min` of a young channel."""
    young_breach_probability_min: Ratio = 0.8
    """`breach_probability_min` of a young channel. A forecast takes a part of its share, never nearly all."""


class RolloutSettings(Section):
    """How far each capability may go, and what it must have shown before a running server lets it go farther."""

    routing: Autopilot | None = None
    """Shares moved by forecasts and by what is seen. Unset: as `autopilot`."""
    budget: Autopilot | None = None
    """Shares moved to cheaper channels when a budget is going to overrun. Unset: as `autopilot`."""
    optimum: Autopilot | None = None
    """Shares moved towards the cheapest that keep every promise (`cost.optimum`). Unset: as `autopilot`."""
    tuning: Autopilot | None = None
    """Timeouts, breakers and limits. Unset: as `autopilot`."""
    playbooks: Autopilot | None = None
    """Shares bounded while a playbook treats a channel. Unset: as `autopilot`."""
    graded_min: int = Field(20, ge=1)
    """So many moves must be graded, done or only proposed."""
    helped_ratio_min: Ratio = 0.5
    """At least this part of them must have helped."""
    wrong_ratio_max: Ratio = 0.3
    """At most this part may have hurt or answered a false alarm."""
    hurt_ratio_max: Ratio = 0.1
    """At most this part may have hurt."""
    stage_min: Duration = 86_400.0
    """So long a capability stays at a stage before it may be raised."""
    evidence: Duration = 30 * 86_400.0
    """Older moves do not count."""
    suggestion_valid: Duration = 1800.0
    """How long a suggestion waits for an answer."""


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
    """Processes that fit models, or tasks at a time on a cluster. 0: no fitted models."""
    fit_on: Literal["processes", "ray"] = "processes"
    """Where models are fitted: in processes of this machine, or on a Ray cluster (the extra `ray`)."""
    ray_address: str | None = Field(None, min_length=1, max_length=300)
    """The cluster as Ray names it: `host:6379`, `ray://host:10001`, or `auto` for one that runs on this machine. Not
    set: one is begun here.
    """

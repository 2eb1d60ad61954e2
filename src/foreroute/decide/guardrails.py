"""The bounds of every automatic change. Settings, so that an operator can see and move them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrails:
    """Ratios in 0…1, durations in seconds."""

    share_step_max: float = 0.15
    """The most that one decision may move any channel's share, except to follow a playbook's ejection."""
    share_floor: float = 0.03
    """What a relieved channel keeps, so that its recovery can be seen. A playbook may go to zero."""
    share_change_min: float = 0.01
    """Smaller changes are not worth a new plan."""
    ejected_ratio_max: float = 0.5
    """At most this part of a route's channels may be relieved at a time; the worst ones go first."""
    healthy_ratio_min: float = 0.3
    """Panic threshold: below this healthy part of the configured weight, relieving makes things worse."""
    samples_min: int = 5
    """Attempts needed in the observation window before observed latency or failures count."""
    failure_ratio_max: float = 0.25
    breach_probability_min: float = 0.6
    """How sure a forecast must be that the objective will be missed."""
    breach_probability_clear: float = 0.3
    """Hysteresis: the forecast trouble counts as gone below this."""
    dwell_s: float = 300.0
    """A cause is lifted only after it has been clear for this long."""
    actions_per_hour_max: int = 60
    plan_valid_s: float = 600.0
    budget_price_exponent: float = 1.0
    """How strongly an expected overrun favours cheap channels: weight × (cheapest / price) ** exponent."""
    optimum_gain_min: float = 0.02
    """A cost optimum that is less than so much cheaper than what stands is not worth a move."""
    optimum_valid_s: float = 1800.0
    """An older optimum is ignored."""
    young_measured_min: int = 30
    """A channel with fewer measured windows is young: its forecasts know little but the last values."""
    young_samples_min: int = 10
    """`samples_min` of a young channel."""
    young_breach_probability_min: float = 0.8
    """`breach_probability_min` of a young channel. A forecast relieves it, and never drains it."""

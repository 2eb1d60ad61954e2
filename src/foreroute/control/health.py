"""The human summary of a channel, by the thresholds of the earlier reactive phase."""

from foreroute.core.channel import Health


def grade(*, failure_ratio: float | None, now_s: float | None, limit_s: float | None, out: bool) -> Health:
    """A grade from availability first and latency second. `limit_s` is the objective; None grades availability alone.

    Availability under 95 % was the reactive phase's trigger for recovery: from there on a channel is poor.
    """
    if out or (failure_ratio is not None and failure_ratio >= 0.9):
        return Health.OFFLINE
    if failure_ratio is None:
        return Health.UNKNOWN
    if failure_ratio > 0.05:
        return Health.POOR
    load = 0.0 if now_s is None or not limit_s else now_s / limit_s
    if load > 1.5:
        return Health.POOR
    if load > 1.0 or failure_ratio > 0.02:
        return Health.DEGRADED
    return Health.EXCELLENT if load <= 0.6 and failure_ratio <= 0.005 else Health.GOOD

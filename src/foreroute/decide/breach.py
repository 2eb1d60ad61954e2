"""How likely a forecast is to miss an objective."""

import math
from statistics import NormalDist

from foreroute.decide.snapshot import Outlook


def breach_probability(outlook: Outlook, limit_s: float) -> float:
    """P(metric > limit) at the outlook's horizon, 0…1.

    The interval is read as a normal one around the mean, with a width of its own on each side, since
    latency intervals are wider upwards. A degenerate interval answers 0 or 1.
    """
    z = NormalDist().inv_cdf((1.0 + outlook.coverage) / 2.0)
    distance = limit_s - outlook.mean_s
    side = outlook.upper_s - outlook.mean_s if distance >= 0 else outlook.mean_s - outlook.lower_s
    sigma = side / z
    if not math.isfinite(distance) or not math.isfinite(sigma):
        return 0.0
    if sigma <= 0:
        return 0.0 if distance >= 0 else 1.0
    return 1.0 - NormalDist().cdf(distance / sigma)

"""When a channel is left out, and how often requests are tried again."""

import math
from collections.abc import Sequence
from typing import Final

from foreroute.core.limits import Setting
from foreroute.heal.tuning.memory import DAY_S, QUARTER_S
from foreroute.heal.tuning.rails import Rails
from foreroute.heal.tuning.statistics import median, wilson
from foreroute.heal.tuning.traffic import Row, Traffic
from foreroute.heal.tuning.values import Wanted

_CHANCE: Final = 0.001
"""So rarely shall a channel that is its usual self fail so often in a row."""
_OUTLIER_MIN: Final = 0.1
_OUTLIER_FACTOR: Final = 3.0
_RETRIES_MIN: Final = 30
_RETRY_STEP: Final = 0.02
_WELL, _BADLY = 0.5, 0.2
_PUSHED: Final = 0.1


def wanted_failures_in_row(traffic: Traffic, rails: Rails, at: float) -> Wanted:
    """K with p^k under one in a thousand, for the upper bound p of the usual failure ratio."""
    day = traffic.over(DAY_S, at)
    if day.judged < rails.samples_min:
        return Wanted(setting=None, reason=f"{day.judged} of {rails.samples_min} attempts")
    _, upper = wilson(day.failed, day.judged)
    upper = min(max(upper, 1e-4), 0.5)
    count = max(2, math.ceil(math.log(_CHANCE) / math.log(upper)))
    return Wanted(
        setting=Setting(float(count)),
        reason=f"at most {upper:.2%} fail usually: {count} in a row are no chance",
        evidence={"attempts": day.judged, "failures": day.failed},
    )


def wanted_outlier_ratio(peers: Sequence[Traffic], rails: Rails, at: float) -> Wanted:
    """Three times what fails on the median peer, and a tenth at least."""
    days = [one.over(DAY_S, at) for one in peers]
    known = [day for day in days if day.judged >= rails.samples_min]
    if not known:
        return Wanted(setting=None, reason="no peer is known well enough to compare with")
    usual = median([wilson(day.failed, day.judged)[1] for day in known])
    return Wanted(
        setting=Setting(max(_OUTLIER_MIN, _OUTLIER_FACTOR * usual)),
        reason=f"at most {usual:.2%} fail on the median of {len(known)} peers",
        evidence={"peers": len(known), "peer_failure_ratio": usual},
    )


def wanted_retry_ratio(rows: Sequence[Traffic], current: Setting, at: float) -> Wanted:
    """A little more while retries help and nobody pushes back; half when they do not help, or add to an overload."""
    total = Row()
    for one in rows:
        total.add(one.over(QUARTER_S, at))
    evidence = {
        "retries": total.retries,
        "retries_well": total.retries_well,
        "pushed_back_ratio": round(total.pushed_ratio, 4),
    }
    if total.retries < _RETRIES_MIN:
        return Wanted(setting=None, reason=f"{total.retries} of {_RETRIES_MIN} retries", evidence=evidence)
    well = total.retries_well / total.retries
    said = (
        f"{well:.0%} of {total.retries} retries went well, {total.pushed_ratio:.0%} of all were pushed back"
    )
    if well < _BADLY or total.pushed_ratio >= _PUSHED:
        return Wanted(setting=Setting(current.base / 2), reason=said, evidence=evidence, urgent=True)
    if well >= _WELL:
        return Wanted(
            setting=Setting(current.base + max(_RETRY_STEP, 0.1 * current.base)),
            reason=said,
            evidence=evidence,
        )
    return Wanted(setting=None, reason=said, evidence=evidence)

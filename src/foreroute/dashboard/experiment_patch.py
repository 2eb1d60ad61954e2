"""What to write into the configuration file, so that a promoted arm outlives the service."""

from collections.abc import Sequence

from foreroute.experiment.definition import ArmDefinition


def patch_of(routes: Sequence[str], arm: ArmDefinition) -> str:
    """YAML, to be merged by hand: the other settings of the routes stay."""
    lines = ["routes:"]
    for route in routes:
        lines.append(f"  - model: {route}")
        if arm.route is not None:
            lines.append(f"    # targets and settings of the route {arm.route}")
        if arm.channels:
            lines.append("    targets:")
            lines += [f"      - {{channel: {name}, weight: {weight:g}}}" for name, weight in arm.channels]
            lines.append("      # the route's other channels, each with priority one higher")
        if arm.hedge_after_s is not None:
            lines.append(f"    hedge_after: {_duration(arm.hedge_after_s)}")
        if arm.attempts_max is not None:
            lines.append(f"    attempts_max: {arm.attempts_max}")
        if arm.sticky is not None:
            lines.append(f"    sticky: {str(arm.sticky).lower()}")
        if arm.select is not None:
            lines.append(f"    select: {arm.select.value}")
    limits = arm.timeouts
    named = {
        "connect": limits.connect_s,
        "first_chunk": limits.first_chunk_s,
        "stall": limits.stall_s,
        "total": limits.total_s,
    }
    changed = {name: value for name, value in named.items() if value is not None}
    if changed:
        lines.append("timeouts: # or those of the routes' channels alone")
        lines += [f"  {name}: {_duration(value)}" for name, value in changed.items()]
    return "\n".join(lines) + "\n"


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:g}ms" if seconds < 1.0 else f"{seconds:g}s"

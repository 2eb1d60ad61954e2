"""The tests behind a verdict: a ratio's bounds, two ratios, two sets of durations. Standard library only."""

import math
from collections.abc import Sequence
from typing import Final

Z95: Final = 1.645
"""One-sided 95 %."""


def wilson(failures: int, attempts: int, z: float = Z95) -> tuple[float, float]:
    """Lower and upper bound of a ratio (Wilson 1927), each held with the one-sided confidence of `z`."""
    if attempts <= 0:
        return 0.0, 1.0
    ratio, z2 = failures / attempts, z * z
    centre = ratio + z2 / (2 * attempts)
    margin = z * math.sqrt(ratio * (1 - ratio) / attempts + z2 / (4 * attempts * attempts))
    scale = 1 + z2 / attempts
    return max(0.0, min(ratio, (centre - margin) / scale)), min(1.0, max(ratio, (centre + margin) / scale))


def difference(failures: int, attempts: int, others: int, of: int, z: float = Z95) -> tuple[float, float]:
    """Bounds of a ratio less another one, from their Wilson bounds (Newcombe 1998, method 10)."""
    (low, high), (other_low, other_high) = wilson(failures, attempts, z), wilson(others, of, z)
    if not attempts or not of:
        return -1.0, 1.0
    one, other = failures / attempts, others / of
    gap = one - other
    return (
        gap - math.hypot(one - low, other_high - other),
        gap + math.hypot(high - one, other - other_low),
    )


def slower(ours: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """(p, ratio of medians): how likely ours would look so much longer by chance (Mann & Whitney 1947, normal
    approximation with ties), and by how much. (1, 1) where one side has none.
    """
    if not ours or not others:
        return 1.0, 1.0
    n, m = len(ours), len(others)
    ordered = sorted([(value, 0) for value in ours] + [(value, 1) for value in others])
    ranks, ties, place = 0.0, 0.0, 0
    while place < n + m:
        end = place
        while end < n + m and ordered[end][0] == ordered[place][0]:
            end += 1
        ranks += (place + end + 1) / 2 * sum(1 for _, side in ordered[place:end] if side == 0)
        ties += (end - place) ** 3 - (end - place)
        place = end
    u = ranks - n * (n + 1) / 2
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / max(1, total * (total - 1)))
    ratio = median(ours) / max(median(others), 1e-9)
    if variance <= 0:
        return 1.0, ratio
    z = (u - n * m / 2 - 0.5) / math.sqrt(variance)
    return 0.5 * math.erfc(z / math.sqrt(2)), ratio


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2

"""Typical round trips between parts of the world: a prior, until something was measured.

Rounded to 10 ms from public measurements between AWS regions (median over a year, 2025); two regions of
one area are taken to be 20 ms apart. Good for an order of regions, not for a promise in milliseconds.
"""

from typing import Final

from foreroute.core.ids import RegionId

_SAME_AREA_S: Final = 0.020

_AREA_OF_PREFIX: Final[tuple[tuple[str, str], ...]] = (
    # AWS and GCP name regions `area-direction…`, Azure `directionarea`; the longest match is listed first.
    ("us-west", "us-west"), ("westus", "us-west"),
    ("us-", "us-east"), ("eastus", "us-east"), ("centralus", "us-east"), ("northcentralus", "us-east"),
    ("southcentralus", "us-east"), ("westcentralus", "us-west"),
    ("ca-", "us-east"), ("northamerica-northeast", "us-east"), ("canada", "us-east"),
    ("eu-", "europe"), ("europe-", "europe"), ("westeurope", "europe"), ("northeurope", "europe"),
    ("uk", "europe"), ("france", "europe"), ("germany", "europe"), ("sweden", "europe"),
    ("switzerland", "europe"), ("norway", "europe"), ("italy", "europe"), ("poland", "europe"), ("spain", "europe"),
    ("ap-northeast", "east-asia"), ("asia-northeast", "east-asia"), ("ap-east", "east-asia"),
    ("asia-east", "east-asia"), ("japan", "east-asia"), ("korea", "east-asia"), ("eastasia", "east-asia"),
    ("ap-southeast-2", "oceania"), ("ap-southeast-4", "oceania"), ("australia", "oceania"),
    ("newzealand", "oceania"),
    ("ap-southeast", "southeast-asia"), ("asia-southeast", "southeast-asia"),
    ("southeastasia", "southeast-asia"), ("indonesia", "southeast-asia"), ("malaysia", "southeast-asia"),
    ("ap-south", "south-asia"), ("asia-south", "south-asia"), ("centralindia", "south-asia"),
    ("southindia", "south-asia"), ("westindia", "south-asia"),
    ("sa-", "south-america"), ("southamerica-", "south-america"), ("brazil", "south-america"),
    ("af-", "africa"), ("africa-", "africa"), ("southafrica", "africa"),
)  # fmt: skip

_MS: Final[dict[frozenset[str], int]] = {
    frozenset(pair.split()): milliseconds
    for pair, milliseconds in {
        "us-east us-west": 60, "us-east europe": 80, "us-east east-asia": 150, "us-east southeast-asia": 220,
        "us-east south-asia": 190, "us-east oceania": 200, "us-east south-america": 120, "us-east africa": 230,
        "us-west europe": 130, "us-west east-asia": 100, "us-west southeast-asia": 160,
        "us-west south-asia": 220, "us-west oceania": 140, "us-west south-america": 170, "us-west africa": 270,
        "europe east-asia": 210, "europe southeast-asia": 170, "europe south-asia": 130,
        "europe oceania": 250, "europe south-america": 190, "europe africa": 160,
        "east-asia southeast-asia": 70, "east-asia south-asia": 130, "east-asia oceania": 110,
        "east-asia south-america": 260, "east-asia africa": 360,
        "southeast-asia south-asia": 60, "southeast-asia oceania": 90, "southeast-asia south-america": 330,
        "southeast-asia africa": 320, "south-asia oceania": 150, "south-asia south-america": 300,
        "south-asia africa": 270, "oceania south-america": 310, "oceania africa": 410,
        "south-america africa": 340,
    }.items()
}  # fmt: skip


def typical_round_trip_s(one: RegionId, other: RegionId) -> float | None:
    """Between two regions named as AWS, GCP or Azure name them; None if either name says nothing."""
    if one == other:
        return 0.0
    here = _area(one)
    return None if here is None else typical_from_area_s(here, other)


def typical_from_area_s(here: str, region: RegionId) -> float | None:
    """From one of the areas that regions lie in, such as `europe`; None if the region's name says nothing."""
    there = _area(region)
    if there is None:
        return None
    return _SAME_AREA_S if here == there else _MS[frozenset({here, there})] / 1000


def _area(region: RegionId) -> str | None:
    name = region.lower()
    return next((area for prefix, area in _AREA_OF_PREFIX if name.startswith(prefix)), None)

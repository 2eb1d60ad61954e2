"""From a country to the region that is probably nearest: a prior, until round trips are measured.

By where the cables lead, as far as that is common knowledge, rather than by continents: Bogotá is nearer to Virginia than
to São Paulo, Dubai nearer to Mumbai than to Frankfurt. Large countries count as one: an address tells no more.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from foreroute.core.ids import RegionId
from foreroute.regions.round_trips import typical_from_area_s

_COUNTRIES: Final[Mapping[str, str]] = {
    "us-east": "US CA BM GL PM MX GT BZ SV HN NI CR PA CU JM HT DO PR BS TC KY VG VI AI AG KN MS GP DM MQ LC VC GD BB TT AW"
    " CW BQ SX MF BL CO VE EC",
    "europe": "GB IE IM JE GG FR MC AD ES PT GI IT SM VA MT DE AT CH LI LU BE NL DK FO IS NO SJ SE FI AX EE LV LT PL CZ SK"
    " HU SI HR BA RS ME XK MK AL GR CY BG RO MD UA BY RU TR GE AM AZ IL PS LB SY JO EG LY TN DZ MA EH MR IQ IR KZ KG TJ UZ TM"
    " SN ML GM GN GW SL LR CI BF CV",
    "east-asia": "JP KR KP CN HK MO TW MN GU MP PW FM MH",
    "southeast-asia": "SG MY ID BN PH VN LA KH TH MM TL CX CC",
    "south-asia": "IN PK BD LK NP BT MV AF AE SA QA KW BH OM YE IO",
    "oceania": "AU NZ NF PG SB VU NC FJ TO WS AS NU TK TV WF PF CK PN KI NR HM UM",
    "south-america": "BR AR CL UY PY BO PE GY SR GF FK GS BV",
    "africa": "ZA NA BW ZW MZ SZ LS ZM MW AO CD CG GA GQ CM CF TD NE NG BJ TG GH ST SS SD ET ER DJ SO KE UG RW BI TZ SC MU"
    " RE YT KM MG SH TF",
}
AREA_OF_COUNTRY: Final[Mapping[str, str]] = {
    country: area for area, countries in _COUNTRIES.items() for country in countries.split()
}


def regions_by_country(
    regions: Sequence[RegionId], own: Mapping[str, RegionId] | None = None
) -> dict[str, RegionId]:
    """Country → the nearest of these regions. `own`: the operator's word, which counts before anything else.

    Countries near to no region of a known name are left out; of regions equally near the first counts.
    """
    nearest = {area: _nearest(area, regions) for area in _COUNTRIES}
    found = {country: region for country, area in AREA_OF_COUNTRY.items() if (region := nearest[area])}
    return found | {country.upper(): region for country, region in (own or {}).items()}


def _nearest(area: str, regions: Sequence[RegionId]) -> RegionId | None:
    known = [(typical_from_area_s(area, region), place) for place, region in enumerate(regions)]
    best_s, place = min(
        ((math.inf if round_trip_s is None else round_trip_s, place) for round_trip_s, place in known),
        default=(math.inf, 0),
    )
    return None if math.isinf(best_s) else regions[place]

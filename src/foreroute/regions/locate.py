"""Where a client is, as far as it can be told."""

from collections.abc import Collection, Mapping

from foreroute.core.ids import RegionId


class HeaderLocator:
    """The region that a header names, if the operator trusts whoever sets it; else the default.

    Trust it only behind a proxy that sets or removes the header: any client can send one. A value that is
    no known region is passed over. Never raises.
    """

    def __init__(
        self,
        header: str,
        *,
        trusted: bool,
        regions: Collection[RegionId],
        default: RegionId | None = None,
    ) -> None:
        self._header = header.lower()
        self._trusted = trusted
        self._regions = {region.lower(): region for region in regions}
        self._default = default

    def region_of(self, client: str | None, headers: Mapping[str, str]) -> RegionId | None:  # noqa: ARG002 - the port
        """`headers` by lower-case name."""
        if not self._trusted:
            return self._default
        return self._regions.get(headers.get(self._header, "").strip().lower(), self._default)

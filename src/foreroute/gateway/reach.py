"""Which addresses a channel may be called at: checked on the address that a connection is about to be made to.

A name can be made to point anywhere, also between two look-ups, and the gateway stands inside a network that its
clients do not. So what a channel may reach follows from its own address in the configuration, and holds for whatever a
resolver says. Pure.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from foreroute.core.channel import Channel, Reach

Address = IPv4Address | IPv6Address

_METADATA: Final = frozenset(
    ip_address(one)
    for one in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google Cloud
    )
)
"""Where clouds hand out credentials; 169.254.169.254 and its neighbours are link-local anyway."""
_SHARED: Final = ip_network("100.64.0.0/10")
"""Between a provider and its customers (RFC 6598): nobody's public address."""
_TRANSLATED: Final = ip_network("64:ff9b::/96")
"""IPv4 inside IPv6 (RFC 6052)."""
_INSIDE: Final = (
    ".internal", ".local", ".localhost", ".lan", ".intranet", ".home.arpa", ".svc", ".cluster.local",
)  # fmt: skip
"""Endings that no public name has, and single words: whoever writes one means a network of their own."""


def reach_of(channel: Channel) -> Reach:
    """What the channel's own settings say, or else what its address means."""
    return channel.reach or implied_reach(channel.base_url)


def implied_reach(base_url: str) -> Reach:
    """An address that is written out means itself; a name that can be public means the public network."""
    host = (urlsplit(base_url).hostname or "").rstrip(".").lower()
    literal = _literal(host)
    if literal is not None:
        return Reach.PRIVATE if _is_private(plain(literal)) else Reach.PUBLIC
    return Reach.PRIVATE if "." not in host or host.endswith(_INSIDE) else Reach.PUBLIC


def why_not(address: str, reach: Reach) -> str | None:
    """Why a connection to this address may not be made; None: it may. Raises ValueError for what is no address."""
    found = plain(ip_address(address.partition("%")[0]))
    if reach is Reach.ANY:
        return None
    if found in _METADATA or found.is_link_local:
        return f"{found} is link-local or a cloud's metadata service"
    if found.is_multicast or found.is_unspecified or (found.is_reserved and not _is_private(found)):
        return f"{found} is nobody's address"
    if reach is Reach.PUBLIC and _is_private(found):
        return f"{found} is a private address, and the channel is a public one"
    return None


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _TRANSLATED:
        inner = IPv4Address(int(address) & 0xFFFF_FFFF)
    if inner is None and address.teredo is not None:
        inner = address.teredo[1]
    return address if inner is None else inner


def _is_private(address: Address) -> bool:
    return address.is_private or address.is_loopback or address in _SHARED


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None

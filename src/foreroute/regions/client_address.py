"""Whose request it is: the client's own address, behind proxies that the operator trusts. Pure; never raises."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LISTS: Final = ("x-forwarded-for", "forwarded")
"""Headers to which each proxy adds the address that it was called from."""
_HOPS_MAX: Final = 32
"""Entries that are looked at, from the nearest proxy on: whatever a client wrote before them does not matter."""
_HEADER_MAX: Final = 4096
_PEERS_KEPT: Final = 1024


class ProxyTrust:
    """`proxies`: whose word counts. `header`: `x-forwarded-for`, `forwarded`, or one that holds a single address, such as
    `cf-connecting-ip`.
    """

    def __init__(self, proxies: Sequence[Network], header: str) -> None:
        self._proxies = tuple(proxies)
        self.header = header.lower()
        self.believes = lru_cache(_PEERS_KEPT)(self._believes)
        """Whether headers of this peer may be believed."""

    def _believes(self, peer: str | None) -> bool:
        address = parse(peer)
        return address is not None and self._is_proxy(address)

    def client_of(self, peer: str | None, said: str) -> Address | None:
        """The client's address; `said` is what stands in the header. None if it cannot be told.

        The peer itself, unless it is a trusted proxy. Of a list, the nearest address to us that is no trusted proxy: what
        stands before that may be anybody's invention.
        """
        address = parse(peer)
        if address is None or not self._is_proxy(address):
            return address
        if self.header not in LISTS:
            return parse(said)
        hops = said[-_HEADER_MAX:].split(",")[-_HOPS_MAX:]
        for hop in reversed(hops):
            found = parse(_for(hop) if self.header == "forwarded" else hop)
            if found is None or not self._is_proxy(found):
                return found
            address = found
        return address

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)


def parse(text: str | None) -> Address | None:
    """`192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`; an IPv4 address inside IPv6 is the IPv4 one."""
    if not text:
        return None
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _for(element: str) -> str:
    """What an element of `Forwarded` says of whom it is for (RFC 7239, section 4); empty if it does not."""
    for pair in element.split(";"):
        name, _, value = pair.partition("=")
        if name.strip().lower() == "for":
            return value.strip().strip('"')
    return ""

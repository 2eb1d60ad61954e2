"""What lies between the gateway and its channels, for those that are not reached as the system would do it."""

import ssl
from dataclasses import dataclass

from aiohttp.abc import AbstractResolver


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """`resolver` finds addresses, `tls` says whom to trust; None: the system's. `keep_names`: an address is good for
    some seconds without asking again.
    """

    resolver: AbstractResolver | None = None
    tls: ssl.SSLContext | None = None
    keep_names: bool = True


SYSTEM = Network()

"""Requests that show a token or a key in a header."""

from collections.abc import Mapping
from dataclasses import dataclass

from foreroute.regions.clouds.lease import Renewal


@dataclass(frozen=True, slots=True)
class BearerAuthorizer:
    """`Authorization: Bearer …` with a token that is kept fresh."""

    renewal: Renewal[str]

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:  # noqa: ARG002 - a signer needs them
        """Raises CredentialsError."""
        return {"Authorization": f"Bearer {await self.renewal.value()}"}

    def refused(self) -> None:
        self.renewal.refused()

    def warm(self) -> None:
        self.renewal.warm()

    def close(self) -> None:
        self.renewal.close()


@dataclass(frozen=True, slots=True)
class KeyAuthorizer:
    """A key of the account that does not change, under the cloud's own name of the header."""

    header: str
    value: str

    def __repr__(self) -> str:
        return f"KeyAuthorizer({self.header!r})"

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:  # noqa: ARG002
        return {self.header: self.value}

    def refused(self) -> None:
        """There is no other key."""

    def warm(self) -> None:
        """There is nothing to fetch."""

    def close(self) -> None:
        """There is nothing to end."""

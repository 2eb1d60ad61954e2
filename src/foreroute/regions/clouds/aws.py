"""Amazon's clouds: requests signed with Signature Version 4 by botocore, whose own places are asked for credentials."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from foreroute.core.errors import CredentialsError, MissingExtra
from foreroute.regions.clouds.lease import Lease, Renewal

_LIFE_S: Final = 240.0
"""botocore renews its credentials a quarter of an hour before they end; to be asked this often is soon enough."""
_LARGE_BYTES: Final = 1_000_000
"""Hashing more than this would hold the event loop up for a millisecond."""
SERVICE: Final = "bedrock"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsAccess:
    """Where credentials come from: these two, or `profile`, or botocore's own chain (environment, files, role)."""

    profile: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs each request for one region."""

    renewal: Renewal[Any]
    region: str
    service: str = SERVICE

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """What makes a request one of the account's; `host` is among what is signed. Raises CredentialsError."""
        credentials = await self.renewal.value()
        if len(body) > _LARGE_BYTES:
            return await asyncio.to_thread(signed, credentials, self.region, self.service, method, url, body)
        return signed(credentials, self.region, self.service, method, url, body)

    def refused(self) -> None:
        self.renewal.refused()

    def warm(self) -> None:
        self.renewal.warm()

    def close(self) -> None:
        self.renewal.close()


def open_signer(name: str, access: AwsAccess, region: str, now: Callable[[], float]) -> Signer:
    """Raises MissingExtra. Credentials are looked for when the first request needs them."""
    _kit()
    return Signer(Renewal(name=name, fetch=lambda: _fetch(access, now()), now=now), region)


def signed(credentials: Any, region: str, service: str, method: str, url: str, body: bytes) -> dict[str, str]:
    """Signature Version 4 over method, address, host, time and body."""
    from botocore.auth import SigV4Auth  # noqa: PLC0415 - an extra
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    request = AWSRequest(method=method, url=url, data=body)
    SigV4Auth(credentials, service, region).add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


def regions_with_models() -> tuple[str, ...]:
    """Where Bedrock is, as the installed botocore knows. Raises MissingExtra."""
    _kit()
    import botocore.session  # noqa: PLC0415 - an extra

    return tuple(sorted(botocore.session.get_session().get_available_regions("bedrock")))


def models(access: AwsAccess, region: str, endpoint: str | None = None) -> tuple[str, ...]:
    """The text models that these credentials may see in a region. Blocks. Raises MissingExtra and CredentialsError."""
    _kit()
    from botocore.config import Config  # noqa: PLC0415 - an extra
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    settings = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})
    try:
        client = _session(access).create_client(
            "bedrock", region_name=region, endpoint_url=endpoint, config=settings, **_given(access)
        )
        answer = client.list_foundation_models(byOutputModality="TEXT")
    except (BotoCoreError, ClientError) as error:
        raise CredentialsError(f"{region} does not say which models there are: {error}") from None
    found = [
        one
        for one in answer["modelSummaries"]
        if "ON_DEMAND" in one.get("inferenceTypesSupported", ["ON_DEMAND"])
    ]
    return tuple(sorted(str(one["modelId"]) for one in found))


def _fetch(access: AwsAccess, at: float) -> Lease[Any]:
    from botocore.credentials import Credentials  # noqa: PLC0415 - an extra

    if access.access_key_id is not None:
        given = Credentials(access.access_key_id, access.secret_access_key, access.session_token)
        return Lease(given.get_frozen_credentials(), at + _LIFE_S)
    found = _session(access).get_credentials()
    if found is None:
        raise LookupError("AWS's own places (environment, profile, role) have none")
    return Lease(found.get_frozen_credentials(), at + _LIFE_S)


def _session(access: AwsAccess) -> Any:
    import botocore.session  # noqa: PLC0415 - an extra

    return botocore.session.Session(profile=access.profile)


def _given(access: AwsAccess) -> dict[str, str | None]:
    if access.access_key_id is None:
        return {}
    return {
        "aws_access_key_id": access.access_key_id,
        "aws_secret_access_key": access.secret_access_key,
        "aws_session_token": access.session_token,
    }


def _kit() -> None:
    try:
        import botocore.auth  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise MissingExtra("botocore", "aws", "signing requests for AWS") from None

"""What accounts of clouds can use, and where: for whoever sets channels up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from foreroute.app.clouds import authorizer_of, aws_access
from foreroute.core.errors import ForerouteError
from foreroute.regions.clouds import aws
from foreroute.regions.clouds.listing import openai_models, vertex_models
from foreroute.settings.clouds import (
    AwsAccountSettings,
    AzureAccountSettings,
    CloudAccount,
    GcpAccountSettings,
    base_url_of,
    cloud_region,
)
from foreroute.settings.model import Settings

_PROVIDERS: Final = {"aws": "aws", "gcp": "google", "azure": "azure"}


@dataclass(frozen=True, slots=True)
class Found:
    """The models of one account in one of the operator's regions, or why there are none."""

    account: str
    cloud: str
    region: str
    models: tuple[str, ...] = ()
    problem: str = ""

    def channels(self) -> list[dict[str, str]]:
        """A channel for each, as the configuration would hold it."""
        return [
            {
                "id": _name(f"{self.account}-{self.region}-{model}"),
                "provider": _PROVIDERS[self.cloud],
                "cloud": self.cloud,
                "region": self.region,
                "model": model,
                "account": self.account,
            }
            for model in self.models
        ]


def cloud_of(account: CloudAccount) -> str:
    match account:
        case AwsAccountSettings():
            return "aws"
        case GcpAccountSettings():
            return "gcp"
        case AzureAccountSettings():
            return "azure"


def proof_of(account: CloudAccount) -> str:
    """How an account proves who it is, in words; no secret."""
    match account:
        case AwsAccountSettings():
            return _aws_proof(account)
        case GcpAccountSettings():
            return f"tokens, {account.credentials_file or 'application default credentials'}"
        case AzureAccountSettings():
            return _azure_proof(account)


def _aws_proof(account: AwsAccountSettings) -> str:
    if account.api_key is not None:
        return "a Bedrock API key"
    if account.access_key_id is not None:
        return "signatures, an access key"
    where = f"profile {account.profile}" if account.profile else "credentials from AWS's own places"
    return f"signatures, {where}"


def _azure_proof(account: AzureAccountSettings) -> str:
    if account.api_key is not None:
        return "a key of the resource"
    if account.client_secret is not None:
        return f"tokens of Entra ID, application {account.client_id}"
    return "tokens of Entra ID, credentials from Azure's own places"


def regions_of(account: CloudAccount, settings: Settings) -> tuple[str, ...]:
    """The operator's regions in which an account can be asked: those it names, and those of its channels."""
    named = account.resources if isinstance(account, AzureAccountSettings) else account.regions
    used = {channel.region for channel in settings.channels if channel.account == account.name}
    found = sorted({*named, *used})
    if not found and isinstance(account, AwsAccountSettings):
        return aws.regions_with_models()
    return tuple(found) or ("global",)


async def usable(account: CloudAccount, region: str, now: Callable[[], float]) -> Found:
    """Asks the cloud. Blocks the event loop; never raises for what the cloud says."""
    try:
        models = await _models(account, region, now)
    except (ForerouteError, LookupError) as error:
        return Found(
            account.name, cloud_of(account), region, problem=str(error.args[0] if error.args else error)
        )
    return Found(account.name, cloud_of(account), region, models)


async def _models(account: CloudAccount, region: str, now: Callable[[], float]) -> tuple[str, ...]:
    match account:
        case AwsAccountSettings(api_key=None):
            return aws.models(aws_access(account), cloud_region(account, region))
        case AwsAccountSettings():
            raise LookupError(
                "a Bedrock API key cannot list models; name a profile or an access key for that"
            )
        case _:
            authorizer = authorizer_of(account, "", now)
            try:
                headers = await authorizer.headers("GET", "", b"")
            finally:
                authorizer.close()
            address = base_url_of(account, region)
            if isinstance(account, GcpAccountSettings):
                return vertex_models(address.partition("/v1beta1/")[0], headers)
            return openai_models(address, headers)


def _name(text: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else "-" for char in text)[:128]

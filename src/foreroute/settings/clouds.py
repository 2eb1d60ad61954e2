"""Accounts of clouds: who the gateway is there, and where their models are served."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from foreroute.settings.section import Name, Section

_Resource = Annotated[str, Field(pattern=r"^(https?://)?[A-Za-z0-9.-]+(:\d+)?$", max_length=200)]
_Endpoint = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.{}-]+(:\d+)?$", max_length=200)]


class AwsAccountSettings(Section):
    """Bedrock by its OpenAI-compatible paths. Needs the extra `aws`, unless there is an `api_key`."""

    name: Name
    """What channels call it: `account: NAME`."""
    api_key: SecretStr | None = None
    """A Bedrock API key, `${AWS_BEARER_TOKEN_BEDROCK}`. Without one, requests are signed."""
    profile: str | None = None
    """Of AWS's own files, roles to be assumed included. Unset: environment, files, the machine's role, in AWS's order."""
    access_key_id: SecretStr | None = None
    """Goes with `secret_access_key`; for credentials from elsewhere than AWS's own places."""
    secret_access_key: SecretStr | None = None
    """`${AWS_SECRET_ACCESS_KEY}`."""
    session_token: SecretStr | None = None
    """Of credentials for a while."""
    endpoint: _Endpoint = "https://bedrock-runtime.{region}.amazonaws.com"
    """Another one for private links; `{region}` stands for the cloud's own name of a region."""
    regions: dict[Name, Name] = Field(default_factory=dict)
    """What this cloud calls your regions, where the names differ: `{us-east: us-east-1}`."""

    @model_validator(mode="after")
    def _is_one_way(self) -> "AwsAccountSettings":
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together")
        ways = [self.api_key, self.profile, self.access_key_id]
        if sum(one is not None for one in ways) > 1:
            raise ValueError("one of api_key, profile and access_key_id is enough")
        return self


class GcpAccountSettings(Section):
    """Vertex AI by its OpenAI-compatible paths. Needs the extra `gcp`."""

    name: Name
    """What channels call it: `account: NAME`."""
    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9:.-]*$")]
    """The project that is billed."""
    credentials_file: Path | None = None
    """Of a service account or a workload identity; beside this file, or an absolute path. Unset: application default
    credentials."""
    endpoint: _Endpoint | None = None
    """Another one for private links; `{region}` stands for the cloud's own name of a region. Unset: each region's own."""
    regions: dict[Name, Name] = Field(default_factory=dict)
    """What this cloud calls your regions, where the names differ: `{eu-west: europe-west4}`; `global` is one, too."""


class AzureAccountSettings(Section):
    """Azure OpenAI and Foundry by their v1 paths. Needs the extra `azure`, unless there is an `api_key`."""

    name: Name
    """What channels call it: `account: NAME`."""
    resources: dict[Name, _Resource] = Field(min_length=1)
    """The resource of each of your regions: `{eu-west: contoso-eu}`, or its host, such as
    `contoso-eu.services.ai.azure.com`."""
    api_key: SecretStr | None = None
    """`${AZURE_OPENAI_API_KEY}`. Without one, Entra ID is asked for tokens."""
    tenant_id: str | None = None
    """With `client_id` and `client_secret`: an application. Unset: environment, workload or managed identity, `az`."""
    client_id: str | None = None
    """Alone: the managed identity that is meant."""
    client_secret: SecretStr | None = None
    """`${AZURE_CLIENT_SECRET}`."""
    authority: str | None = None
    """Where tokens are asked for. Unset: Azure's public cloud."""

    @model_validator(mode="after")
    def _is_an_application(self) -> "AzureAccountSettings":
        given = [self.tenant_id is not None, self.client_id is not None, self.client_secret is not None]
        if given[2] and not all(given):
            raise ValueError("an application is tenant_id, client_id and client_secret together")
        if self.api_key is not None and any(given):
            raise ValueError("api_key is enough: take tenant_id, client_id and client_secret away")
        return self


class CloudAccountsSettings(Section):
    """Accounts of clouds, by cloud."""

    aws: tuple[AwsAccountSettings, ...] = ()
    """Amazon's."""
    gcp: tuple[GcpAccountSettings, ...] = ()
    """Google's."""
    azure: tuple[AzureAccountSettings, ...] = ()
    """Microsoft's."""


class CloudsSettings(CloudAccountsSettings):
    """Accounts of clouds, here or in a file of their own."""

    file: Path | None = None
    """More of them, with the same keys `aws`, `gcp` and `azure`; beside this file: `cloud_providers.yaml`."""


CloudAccount = AwsAccountSettings | GcpAccountSettings | AzureAccountSettings


def accounts_of(clouds: CloudAccountsSettings) -> dict[str, CloudAccount]:
    """By name; the first of a name that stands twice."""
    found: dict[str, CloudAccount] = {}
    every: list[CloudAccount] = [*clouds.aws, *clouds.gcp, *clouds.azure]
    for account in every:
        found.setdefault(account.name, account)
    return found


def base_url_of(account: CloudAccount, region: str) -> str:
    """Where an account's OpenAI-compatible paths are in a region of yours. Raises LookupError where it has none."""
    match account:
        case AwsAccountSettings():
            return f"{_at(account.endpoint, cloud_region(account, region))}/openai/v1"
        case GcpAccountSettings():
            location = cloud_region(account, region)
            place = f"projects/{account.project}/locations/{location}"
            endpoint = account.endpoint or f"https://{_vertex_host(location)}"
            return f"{_at(endpoint, location)}/v1beta1/{place}/endpoints/openapi"
        case AzureAccountSettings():
            if region not in account.resources:
                raise LookupError(f"{account.name} has no resource for the region {region!r}")
            resource = account.resources[region]
            host = resource if "." in resource or ":" in resource else f"{resource}.openai.azure.com"
            return f"{host if '://' in host else f'https://{host}'}/openai/v1"


def cloud_region(account: AwsAccountSettings | GcpAccountSettings, region: str) -> str:
    """What the account's cloud calls a region of yours."""
    return account.regions.get(region, region)


def _at(endpoint: str, region: str) -> str:
    return endpoint.replace("{region}", region)


def _vertex_host(location: str) -> str:
    """A region's own host, that of all of them, or that of the multi-regions `eu` and `us`."""
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in ("eu", "us"):
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"

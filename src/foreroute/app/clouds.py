"""Accounts of clouds to what authorizes each channel's requests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from foreroute.core.ids import ChannelId
from foreroute.gateway.ports import Authorizer
from foreroute.regions.clouds import aws, azure, gcp
from foreroute.regions.clouds.bearer import KeyAuthorizer
from foreroute.settings.clouds import (
    AwsAccountSettings,
    AzureAccountSettings,
    CloudAccount,
    GcpAccountSettings,
    accounts_of,
    cloud_region,
)
from foreroute.settings.load import reveal
from foreroute.settings.model import Settings


@dataclass(slots=True)
class CloudAccounts:
    """Channels of one account and region share one authorizer, and keep it when the configuration changes elsewhere."""

    now: Callable[[], float]
    _open: dict[tuple[str, str], tuple[CloudAccount, Authorizer]] = field(default_factory=dict)

    def prepare(self, settings: Settings) -> Mapping[ChannelId, Authorizer]:
        """What the channels of a configuration need. Nobody is asked yet. Raises MissingExtra."""
        known = accounts_of(settings.clouds)
        found: dict[ChannelId, Authorizer] = {}
        serving: dict[tuple[str, str], tuple[CloudAccount, Authorizer]] = {}
        for channel in settings.channels:
            if channel.account is not None:
                account = known[channel.account]
                region = _signed_for(account, channel.region)
                key = (account.name, region)
                serving[key] = serving.get(key) or self._kept(key, account) or self._opened(account, region)
                found[ChannelId(channel.id)] = serving[key][1]
        self._open = serving
        return found

    def _kept(self, key: tuple[str, str], account: CloudAccount) -> tuple[CloudAccount, Authorizer] | None:
        kept = self._open.get(key)
        return kept if kept is not None and kept[0] == account else None

    def _opened(self, account: CloudAccount, region: str) -> tuple[CloudAccount, Authorizer]:
        return account, authorizer_of(account, region, self.now)


def _signed_for(account: CloudAccount, region: str) -> str:
    """Only AWS's signatures differ from region to region."""
    return cloud_region(account, region) if isinstance(account, AwsAccountSettings) else ""


def authorizer_of(account: CloudAccount, region: str, now: Callable[[], float]) -> Authorizer:
    match account:
        case AwsAccountSettings(api_key=None):
            return aws.open_signer(account.name, aws_access(account), region, now)
        case AwsAccountSettings():
            return KeyAuthorizer("Authorization", f"Bearer {reveal(account.api_key)}")
        case GcpAccountSettings():
            return gcp.open_tokens(account.name, account.credentials_file, now)
        case AzureAccountSettings(api_key=None):
            return azure.open_tokens(account.name, azure_access(account), now)
        case AzureAccountSettings():
            return KeyAuthorizer("api-key", reveal(account.api_key) or "")


def aws_access(account: AwsAccountSettings) -> aws.AwsAccess:
    return aws.AwsAccess(
        profile=account.profile,
        access_key_id=reveal(account.access_key_id),
        secret_access_key=reveal(account.secret_access_key),
        session_token=reveal(account.session_token),
    )


def azure_access(account: AzureAccountSettings) -> azure.AzureAccess:
    return azure.AzureAccess(
        tenant_id=account.tenant_id,
        client_id=account.client_id,
        client_secret=reveal(account.client_secret),
        authority=account.authority,
    )

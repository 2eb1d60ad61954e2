"""Microsoft's cloud: tokens of Entra ID from azure-identity, for an application or whatever the machine is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from foreroute.core.errors import MissingExtra
from foreroute.regions.clouds.bearer import BearerAuthorizer
from foreroute.regions.clouds.lease import Lease, Renewal

_SCOPE: Final = "https://cognitiveservices.azure.com/.default"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureAccess:
    """An application of Entra ID; without one, azure-identity's own chain (environment, managed identity, az)."""

    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    authority: str | None = None
    """Where tokens are asked for, for a cloud of one's own. Unset: Azure's public one."""


def open_tokens(name: str, access: AzureAccess, now: Callable[[], float]) -> BearerAuthorizer:
    """Raises MissingExtra."""
    _kit()
    source = _Source(access)
    return BearerAuthorizer(Renewal(name=name, fetch=source.fetch, now=now))


class _Source:
    def __init__(self, access: AzureAccess) -> None:
        self._access = access
        self._credential: Any = None

    def fetch(self) -> Lease[str]:
        if self._credential is None:
            self._credential = _credential_of(self._access)
        try:
            token = self._credential.get_token(_SCOPE)
        except Exception:
            self._credential = None  # the kit repeats an error of Entra ID for a minute without asking again
            raise
        return Lease(str(token.token), float(token.expires_on))


def _credential_of(access: AzureAccess) -> Any:
    from azure.identity import ClientSecretCredential, DefaultAzureCredential  # noqa: PLC0415 - an extra

    if access.tenant_id is None or access.client_id is None or access.client_secret is None:
        named = {} if access.client_id is None else {"managed_identity_client_id": access.client_id}
        return DefaultAzureCredential(exclude_interactive_browser_credential=True, **named)
    elsewhere = (
        {}
        if access.authority is None
        else {"authority": access.authority, "disable_instance_discovery": True}
    )
    return ClientSecretCredential(access.tenant_id, access.client_id, access.client_secret, **elsewhere)


def _kit() -> None:
    try:
        import azure.identity  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise MissingExtra("azure-identity", "azure", "tokens of Entra ID") from None

"""Channels and the accounts of clouds that they name: put together, and what does not fit."""

from collections.abc import Iterator

from foreroute.core.channel import Dialect
from foreroute.settings.clouds import CloudAccountsSettings, CloudsSettings, accounts_of, base_url_of
from foreroute.settings.document import Path, Problem
from foreroute.settings.model import ChannelSettings, Settings


def with_accounts(settings: Settings, more: CloudAccountsSettings) -> Settings:
    """The same with the accounts of a file of their own."""
    own = settings.clouds
    clouds = CloudsSettings.model_construct(
        file=own.file, aws=own.aws + more.aws, gcp=own.gcp + more.gcp, azure=own.azure + more.azure
    )
    return settings.model_copy(update={"clouds": clouds})


def with_addresses(settings: Settings) -> Settings:
    """The same with the address of each channel that leaves it to its account."""
    known = accounts_of(settings.clouds)

    def addressed(channel: ChannelSettings) -> ChannelSettings:
        account = known.get(channel.account or "")
        if channel.base_url or account is None or channel.dialect is not Dialect.OPENAI:
            return channel
        try:
            return channel.model_copy(update={"base_url": base_url_of(account, channel.region)})
        except LookupError:
            return channel

    return settings.model_copy(update={"channels": tuple(map(addressed, settings.channels))})


def account_problems(settings: Settings) -> Iterator[Problem]:
    known = accounts_of(settings.clouds)
    for index, channel in enumerate(settings.channels):
        path: Path = ("channels", index)
        if channel.account is None:
            continue
        if channel.account not in known:
            names = ", ".join(sorted(known)) or "none; `clouds:` or its `file` names them"
            yield Problem(
                (*path, "account"), f"there is no account {channel.account!r}", f"accounts: {names}"
            )
            continue
        yield from _clashes(path, channel)
        if not channel.base_url:
            yield Problem((*path, "base_url"), *_no_address(channel, settings))


def _clashes(path: Path, channel: ChannelSettings) -> Iterator[Problem]:
    if channel.api_key is not None:
        yield Problem(
            (*path, "api_key"), f"{channel.account} proves already who is calling", "take one of the two away"
        )
    if channel.adapter is not None:
        message = "an adapter finds its cloud's credentials by itself"
        yield Problem((*path, "account"), message, "take account or adapter away")


def _no_address(channel: ChannelSettings, settings: Settings) -> tuple[str, str]:
    if channel.dialect is not Dialect.OPENAI:
        return f"is required: an account knows no address for the dialect {channel.dialect.value}", ""
    account = accounts_of(settings.clouds)[channel.account or ""]
    regions = ", ".join(sorted(getattr(account, "resources", {})))
    return (
        f"{account.name} has no resource for the region {channel.region!r}",
        f"its resources are for: {regions}",
    )


def doubled_accounts(settings: Settings) -> Iterator[Problem]:
    """Names that stand twice, in whichever cloud."""
    clouds = settings.clouds
    names = {
        "aws": [one.name for one in clouds.aws],
        "gcp": [one.name for one in clouds.gcp],
        "azure": [one.name for one in clouds.azure],
    }
    seen: set[str] = set()
    for cloud, ours in names.items():
        for index, name in enumerate(ours):
            if name in seen:
                message = f"{name!r} is taken already by another account"
                yield Problem(("clouds", cloud, index, "name"), message, "give each one a name of its own")
            seen.add(name)

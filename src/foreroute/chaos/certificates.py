"""Makes the certificates of a chaotic host, with the system's `openssl`."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from foreroute.chaos.door import Certificate, Certificates

_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def can_make() -> bool:
    return shutil.which("openssl") is not None


def make_certificates(folder: Path, host: str) -> Certificates:
    """A private authority, and certificates of every kind for `host`. Raises OSError if openssl fails."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("ca", "stranger"):
        _openssl(
            folder, "req", "-x509", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2",
            "-subj", f"/CN={name} of the chaos suite",
        )  # fmt: skip
    _issue(folder, Certificate.GOOD, host, "ca", days=2)
    _issue(folder, Certificate.EXPIRED, host, "ca", days=-1)
    _issue(folder, Certificate.WRONG_HOST, f"not-{host}", "ca", days=2)
    _issue(folder, Certificate.UNKNOWN_CA, host, "stranger", days=2)
    return Certificates(folder)


def _issue(folder: Path, which: Certificate, host: str, by: str, *, days: int) -> None:
    (folder / f"{which}.ext").write_text(f"subjectAltName=DNS:{host}\n", encoding="utf-8")
    _openssl(folder, "req", *_KEY, "-keyout", f"{which}.key", "-out", f"{which}.csr", "-subj", f"/CN={host}")
    _openssl(
        folder, "x509", "-req", "-in", f"{which}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key",
        "-CAcreateserial", "-days", str(days), "-extfile", f"{which}.ext", "-out", f"{which}.pem",
    )  # fmt: skip


def _openssl(folder: Path, *arguments: str) -> None:
    command = (shutil.which("openssl") or "openssl", *arguments)
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)  # noqa: S603 - no shell
    if done.returncode:
        raise OSError(f"openssl {arguments[0]}: {done.stderr.strip().splitlines()[-1:]}")

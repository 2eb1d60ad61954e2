"""A software bill of materials (CycloneDX 1.6, JSON) from a lock file: the same file gives the same bytes.

python scripts/sbom.py requirements/image.txt dist/sbom.cdx.json
"""

import hashlib
import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def pinned(text: str) -> dict[str, tuple[str, list[str]]]:
    """Version and hashes by normalised name. Raises ValueError for a requirement without both."""
    found: dict[str, tuple[str, list[str]]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if not block.strip() or block.lstrip().startswith("#"):
            continue
        match = PINNED.match(block)
        hashes = sorted(HASH.findall(block))
        if match is None or not hashes:
            raise ValueError(f"not pinned with a hash: {block.splitlines()[0]}")
        found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2], hashes
    return found


def bill(text: str) -> dict[str, Any]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    packages = pinned(text)
    components = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
            # Each is the hash of one distribution file; the installed one is among them.
            "properties": [{"name": "foreroute:accepted-sha256", "value": one} for one in hashes],
        }
        for name, (version, hashes) in sorted(packages.items())
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": project["version"],
                "purl": own,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": [str(one["bom-ref"]) for one in components]}],
    }


def main() -> int:
    lock, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(bill(lock.read_text()), indent=2) + "\n")
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())

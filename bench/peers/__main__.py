"""python -m bench.peers [list | install [NAME…]]: which peers are there, and getting them (into `.peers/`)."""

import argparse
import subprocess
import sys

from bench.peers import PEERS
from bench.peers.kinds import FOLDER


def main() -> int:
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(prog="bench.peers", description=__doc__)
    parser.add_argument("verb", nargs="?", choices=["list", "install"], default="list")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all by default: {', '.join(names)}")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(names):
        parser.error(f"there is no peer {', '.join(sorted(unknown))}; known: {', '.join(names)}")
    chosen = [peer for peer in PEERS if not arguments.names or peer.name in arguments.names]
    if arguments.verb == "install":
        FOLDER.mkdir(exist_ok=True)
        for peer in chosen:
            print(f"installing {peer.name}", file=sys.stderr)
            for command in peer.install():
                if subprocess.run(command, cwd=FOLDER, check=False).returncode:
                    print(f"{peer.name} could not be installed: {' '.join(command)}", file=sys.stderr)
                    return 1
    for peer in chosen:
        print(f"{peer.name:<12} {peer.version() or 'not installed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""python -m bench.faults [--gateway NAME]… [--fault ID]…: some cells only, with all that was seen, as JSON."""

import argparse
import json
from dataclasses import asdict

from bench.faults import measure
from bench.faults.catalogue import FAULTS
from bench.peers import FOREROUTE, installed


def main() -> None:
    gateways = {gateway.name: gateway for gateway in (FOREROUTE, *installed())}
    faults = {fault.id: fault for fault in FAULTS}
    parser = argparse.ArgumentParser(prog="bench.faults", description=__doc__)
    parser.add_argument("--gateway", action="append", choices=list(gateways))
    parser.add_argument("--fault", action="append", choices=list(faults))
    arguments = parser.parse_args()
    found = measure(
        [gateways[name] for name in arguments.gateway or gateways],
        [faults[name] for name in arguments.fault or faults],
    )
    for gateway, cells in found.items():
        for fault, cell in cells.items():
            print(json.dumps({"gateway": gateway, "fault": fault, **asdict(cell)}))


if __name__ == "__main__":
    main()

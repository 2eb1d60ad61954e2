"""Coverage-guided fuzzing of one target, by atheris (`pip install 'atheris>=3.0,<4'`, dependency group `fuzz`).

    python -m tests.fuzz.run sse --seconds 600

Ends with 0 when nothing was found; an input that breaks a promise is printed and kept in the folder `crashes/`.
"""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

SEEDS = {
    "sse": [
        b'\x03data: {"choices":[{"delta":{"content":"x"}}]}\n\n',
        b"\x01event: message_stop\ndata: {}\r\n\r\n: ping\n\ndata: [DONE]\n\n",
    ],
    "json": [
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true,"max_tokens":3}',
        b'{"model":"m","input":"x"}',
    ],
    "usage": [
        b'{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
        b'{"usageMetadata":{"promptTokenCount":1,"cachedContentTokenCount":9}}',
        b'{"error":{"message":"try again in 3s"}}',
    ],
    "config": [
        b'channels: [{id: a, provider: p, region: r, model: m, base_url: "http://h/v1", api_key: "${KEY}"}]\nroutes: [{model: c, targets: [{channel: a}]}]\n'
    ],
    "path": [b"/v1/chat/completions", b"/openai/deployments/a%2Fb/chat/completions", b"/v1/files/x/content"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("target", choices=sorted(SEEDS))
    parser.add_argument("--seconds", type=int, default=600)
    asked = parser.parse_args()
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        sys.stderr.write("atheris is not installed: pip install 'atheris>=3.0,<4'\n")
        return 2
    with atheris.instrument_imports(include=["foreroute"]):
        target = importlib.import_module("tests.fuzz.targets").TARGETS[asked.target]
    corpus, crashes = Path("corpus") / asked.target, Path("crashes")
    corpus.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(exist_ok=True)
    for number, seed in enumerate(SEEDS[asked.target]):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={asked.seconds}",
        "-max_len=4096",
        "-timeout=10",
        f"-artifact_prefix={crashes}/",
    ]
    atheris.Setup([sys.argv[0], str(corpus), *options], target)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())

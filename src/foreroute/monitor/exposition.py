"""The text format of Prometheus (version 0.0.4), written in one pass.

`/metrics` is answered on the gateway's event loop, where a scrape must not hold up requests: a thousand
channels are some thirty thousand lines, which the reference library takes ten times as long to write.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

Sample = tuple[str, float]
"""(what follows the family's name: suffix and labels, value)"""


def family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    """The lines of one metric family. `kind` is counter, gauge or histogram; a counter's name ends in `_total`."""
    yield f"# HELP {name} {_escaped(text)}\n# TYPE {name} {kind}\n"
    for rest, value in samples:
        yield f"{name}{rest} {value if isinstance(value, int) else number(value)}\n"


def labels(names: Sequence[str], values: Sequence[str]) -> str:
    """`a="1",b="2"`, without the braces; empty without names. Raises ValueError if the lengths differ."""
    pairs = zip(names, values, strict=True)
    return ",".join(f'{name}="{_escaped(value, quotes=True)}"' for name, value in pairs)


def braced(pairs: str) -> str:
    return f"{{{pairs}}}" if pairs else ""


def number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text

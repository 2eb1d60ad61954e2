"""The model that a form names (multipart/form-data, RFC 7578), read from its parts' headers: files are stepped over."""

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from foreroute.gateway.wire.layout import FormLayout
from foreroute.gateway.wire.spans import BadBody

_BOUNDARY: Final = re.compile(r'(?i);\s*boundary=(?:"([^"]{1,200})"|([^";,\s]{1,200}))')
_DELIMITED: Final = re.compile(rb"(--)|[ \t]{0,100}\r\n")
"""What makes a boundary one, and the first group the last one."""
_DISPOSITION: Final = re.compile(rb"(?im)^content-disposition:[ \t]*form-data([^\r\n]*)")
_PARAMETER: Final = re.compile(rb';[ \t]*([^=;\s"]+)="((?:[^"\\]|\\.)*)"|;[ \t]*([^=;\s"]+)=([^;\s"]*)')
_PARTS_MAX: Final = 1000
_HEADERS_BYTES_MAX: Final = 4096
_MODEL_BYTES_MAX: Final = 1024
_WINDOW_BYTES: Final = 1 << 20
_STEPS: Final = 4096


@dataclass(frozen=True, slots=True)
class Form:
    """The last `model` that the form names, and how to change it."""

    model: str | None
    layout: FormLayout


def read_form(body: bytes, content_type: str) -> Generator[None, None, Form | None]:
    """None if this is no form that can be read. In steps of a few milliseconds. Raises BadBody."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return None
    boundary = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    first = 0 if _ends_delimiter(body, boundary, 0) else (yield from _next_delimiter(body, boundary, 0))
    places, at, parts = list[tuple[int, int]](), first, 0
    while at is not None and (content := _content(body, at + len(boundary))) is not None:
        start, names_model = content
        at = yield from _next_delimiter(body, boundary, start - 2)
        if at is not None and names_model:
            places.append(_checked(start, at - 2))
        parts += 1
        if parts > _PARTS_MAX:
            raise BadBody(f"has more than {_PARTS_MAX} parts")
    if first is None:
        return None
    model = body[slice(*places[-1])].decode("utf-8", "replace") if places else None
    before = boundary + b'\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
    return Form(model, FormLayout(places, first, before, b"\r\n"))


def _content(body: bytes, at: int) -> tuple[int, bool] | None:
    """(where the part's content begins, whether it is a field called `model`); None after the last boundary."""
    mark = _DELIMITED.match(body, at)
    if mark is None or mark[1]:
        return None
    start = mark.end()
    if body.startswith(b"\r\n", start):
        return start + 2, False
    end = body.find(b"\r\n\r\n", start, start + _HEADERS_BYTES_MAX)
    if end >= 0:
        return end + 4, _names_model(body[start:end])
    if len(body) - start <= _HEADERS_BYTES_MAX:
        return None  # the form is cut off
    raise BadBody(
        f"has a part whose headers, from byte {start}, have no end within {_HEADERS_BYTES_MAX} bytes"
    )


def _names_model(headers: bytes) -> bool:
    disposition = _DISPOSITION.search(headers)
    parameters = {
        (found[1] or found[3]).lower(): found[2] if found[1] else found[4]
        for found in _PARAMETER.finditer(disposition[1] if disposition else b"")
    }
    is_file = b"filename" in parameters or b"filename*" in parameters
    return parameters.get(b"name") == b"model" and not is_file


def _next_delimiter(body: bytes, boundary: bytes, start: int) -> Generator[None, None, int | None]:
    """Where the next boundary begins that stands at the start of a line; None if there is none."""
    wanted, steps = b"\r\n" + boundary, 0
    while start < len(body):
        found = body.find(wanted, start, start + _WINDOW_BYTES)
        if found < 0:
            start += _WINDOW_BYTES - len(wanted) + 1
            steps = _STEPS
        elif _ends_delimiter(body, boundary, found + 2):
            return found + 2
        else:
            start = found + 2
            steps += 1
        if steps >= _STEPS:
            steps = 0
            yield
    return None


def _ends_delimiter(body: bytes, boundary: bytes, at: int) -> bool:
    return body.startswith(boundary, at) and _DELIMITED.match(body, at + len(boundary)) is not None


def _checked(start: int, end: int) -> tuple[int, int]:
    """An empty field ends where its headers do."""
    if end - start > _MODEL_BYTES_MAX:
        raise BadBody(f"names a `model` longer than {_MODEL_BYTES_MAX} bytes")
    return start, max(start, end)

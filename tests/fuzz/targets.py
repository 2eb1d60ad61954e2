"""What is fuzzed: bytes in, nothing out, and an exception for whatever must never happen. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

import orjson

from foreroute.core.attempt import Usage
from foreroute.core.errors import ConfigError, ForerouteError
from foreroute.gateway.wire.answers import read_answer, read_opaque
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.evidence import answer_evidence
from foreroute.gateway.wire.opaque import opaque_usage
from foreroute.gateway.wire.paths import Call, Endpoint, read_path
from foreroute.gateway.wire.request import read_small_request
from foreroute.gateway.wire.sse import EventSplitter, data_of
from foreroute.gateway.wire.unquoted import unquoted
from foreroute.gateway.wire.watch import StreamWatch
from foreroute.settings import parse_settings

_SERVED: Final = (Endpoint.CHAT, Endpoint.RESPONSES, Endpoint.MESSAGES)
_ENVIRONMENT: Final = {"KEY": "value", "EMPTY": "", "YAML": "{a: b}"}


def sse(data: bytes) -> None:
    """However a stream is cut, the same events come out, nothing is lost, and watching it never raises."""
    if not data:
        return
    cut, data = data[0] + 1, data[1:]
    whole, parted = EventSplitter(), EventSplitter()
    at_once = whole.feed(data)
    in_parts = [event for at in range(0, len(data), cut) for event in parted.feed(data[at : at + cut])]
    assert at_once == in_parts
    assert b"".join(at_once) + whole.rest == data
    for event in at_once:
        data_of(event)
    for endpoint in _SERVED:
        watch = StreamWatch(endpoint, status=200, content_type="text/event-stream", strip_usage=False)
        for at in range(0, len(data), cut):
            watch.feed(data[at : at + cut])
            if watch.fault is not None:
                break
        watch.end()
        _sane(watch.usage)


def body(data: bytes) -> None:
    """A request is refused with a status of its own or read; what is sent on is the same but for what was changed."""
    for endpoint in _SERVED:
        call = Call(endpoint, endpoint.value)
        found = read_small_request(call, data, depth_max=64)
        if isinstance(found, ErrorAnswer):
            assert 400 <= found.status < 500
            orjson.loads(found.body())
            continue
        sent = orjson.loads(found.for_channel("another-model"))
        asked = orjson.loads(data)
        assert sent.pop("model", None) == "another-model"
        asked.pop("model", None)
        for name in ("stream_options",):
            sent.pop(name, None)
            asked.pop(name, None)
        assert sent == asked or any(value != value for value in asked.values())
        assert found.input_tokens >= 0


def usage(data: bytes) -> None:
    """Whatever a provider reports, no bucket of it is negative, and nothing of it raises."""
    for endpoint in _SERVED:
        read_answer(endpoint, 200, {"content-type": "application/json"}, data)
    read_opaque(data)
    found = answer_evidence(429, {"retry-after": data[:20].decode("latin-1")}, data, 0.0)
    assert len(found.message) <= 500
    unquoted(found, data)
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError:
        return
    if isinstance(said, Mapping):
        _sane(opaque_usage(said))


def config(data: bytes) -> None:
    """A file is read, or refused with a sentence that names its place."""
    try:
        parse_settings(data, name="fuzz.yaml", environment=_ENVIRONMENT)
    except ConfigError as error:
        if "fuzz.yaml" not in str(error):
            raise AssertionError(f"no place: {error}") from error
    except ForerouteError as error:
        raise AssertionError(f"no place: {error}") from error


def path(data: bytes) -> None:
    """No path leads out of what is passed through."""
    text = data.decode("utf-8", "replace")
    found = read_path(text, {"files", "audio"})
    if isinstance(found, Call):
        assert ".." not in found.path.split("/")
        assert not set(found.path) & set("?#%\\\r\n\0 ")


def _sane(used: Usage) -> None:
    counts = (used.input_tokens, used.cached_input_tokens, used.cache_write_tokens, used.output_tokens)
    assert all(count >= 0 for count in counts), used


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "sse": sse,
    "json": body,
    "usage": usage,
    "config": config,
    "path": path,
}

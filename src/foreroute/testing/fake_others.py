"""The rest of OpenAI's paths, each with a small honest answer, so that passing them through can be tested."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from foreroute.testing.fake_answers import openai_error
from foreroute.testing.fake_script import ProviderAnswer, ProviderRequest

_PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="  # one pixel
_SOUND: Final = b"ID3\x04\x00\x00\x00\x00\x00\x00"
"""An MP3 file without a single frame."""
_HARMS: Final = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
KEPT: Final = ("/files", "/batches")
"""Collections whose members can be listed, read and deleted. Nothing is kept: whoever asks is told that it is there."""
OTHER_PATHS: Final = frozenset(
    {
        "/moderations",
        "/images/generations",
        "/audio/speech",
        "/audio/transcriptions",
        "/rerank",
        *KEPT,
    }
)


class OtherAnswer:
    """One answer of this kind: see `FakeAnswer`."""

    def __init__(self, request: ProviderRequest, answer: ProviderAnswer, *, ident: str, created: int) -> None:
        self._request = request
        self._answer = answer
        self._ident = ident
        self._created = created
        self.headers = {"content-type": "audio/mpeg"} if request.path == "/audio/speech" else {}

    def error(self) -> dict[str, Any]:
        return openai_error(self._answer)

    def whole(self) -> Mapping[str, Any] | bytes:
        if self._request.path == "/audio/speech":
            return _SOUND
        kept = next((path for path in KEPT if f"{self._request.path}/".startswith(f"{path}/")), None)
        if kept is not None:
            return self._of_collection(kept)
        made: Mapping[str, Callable[[], dict[str, Any]]] = {
            "/moderations": self._moderation,
            "/images/generations": self._image,
            "/audio/transcriptions": self._transcription,
            "/rerank": self._ranking,
        }
        return made[self._request.path]()

    def empty(self) -> dict[str, Any]:
        return {}

    def failed(self) -> dict[str, Any]:
        return self.error()

    def _tokens(self) -> dict[str, int]:
        given, made = self._answer.tokens(self._request)
        return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}

    def _moderation(self) -> dict[str, Any]:
        texts = self._request.body.get("input", "")
        result = {
            "flagged": False,
            "categories": dict.fromkeys(_HARMS, False),
            "category_scores": dict.fromkeys(_HARMS, 0.0),
            "category_applied_input_types": {harm: ["text"] for harm in _HARMS},
        }
        count = len(texts) if isinstance(texts, list) else 1
        return {"id": f"modr-{self._ident}", "model": self._request.model, "results": [result] * count}

    def _image(self) -> dict[str, Any]:
        return {"created": self._created, "data": [{"b64_json": _PNG}], "usage": self._tokens()}

    def _transcription(self) -> dict[str, Any]:
        return {"text": "".join(self._answer.chunks), "usage": {"type": "tokens", **self._tokens()}}

    def _ranking(self) -> dict[str, Any]:
        """In the order in which the documents came."""
        count = len(self._request.body.get("documents") or ())
        results = [{"index": i, "relevance_score": round(1.0 / (i + 1), 4)} for i in range(count)]
        return {"id": f"rerank-{self._ident}", "model": self._request.model, "results": results}

    def _of_collection(self, path: str) -> dict[str, Any]:
        rest = self._request.path.removeprefix(path).strip("/")
        name = rest.split("/")[0] or f"{path.strip('/').removesuffix('s').removesuffix('e')}-{self._ident}"
        thing = self._file(name) if path == "/files" else self._batch(name)
        if self._request.method == "DELETE":
            return {"id": name, "object": thing["object"], "deleted": True}
        if self._request.method == "GET" and not rest:
            return {"object": "list", "data": [thing], "first_id": name, "last_id": name, "has_more": False}
        return thing

    def _file(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "object": "file",
            "bytes": len(self._request.raw),
            "created_at": self._created,
            "filename": "fake.jsonl",
            "purpose": "batch",
            "status": "processed",
        }

    def _batch(self, name: str) -> dict[str, Any]:
        body = self._request.body
        return {
            "id": name,
            "object": "batch",
            "endpoint": body.get("endpoint", "/v1/chat/completions"),
            "input_file_id": body.get("input_file_id", f"file-{self._ident}"),
            "completion_window": body.get("completion_window", "24h"),
            "status": "cancelling" if self._request.path.endswith("/cancel") else "validating",
            "created_at": self._created,
            "metadata": body.get("metadata"),
        }

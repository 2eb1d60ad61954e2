"""OpenAI's `/embeddings`: the same short vector for every text."""

import base64
import struct
from collections.abc import Mapping
from typing import Any, Final

from foreroute.testing.fake_answers import openai_error
from foreroute.testing.fake_script import ProviderAnswer, ProviderRequest

_VECTOR: Final = (0.1, -0.2, 0.3)


class EmbeddingsAnswer:
    """One answer in this dialect: see `FakeAnswer`."""

    headers: Mapping[str, str] = {}

    def __init__(self, request: ProviderRequest, answer: ProviderAnswer) -> None:
        self._request = request
        self._answer = answer

    def error(self) -> dict[str, Any]:
        return openai_error(self._answer)

    def whole(self) -> dict[str, Any]:
        asked = self._request.body.get("input", "")
        count = len(asked) if isinstance(asked, list) and asked and not isinstance(asked[0], int) else 1
        tokens = self._answer.tokens(self._request)[0]
        return {
            "object": "list",
            "data": [{"object": "embedding", "index": i, "embedding": self._vector()} for i in range(count)],
            "model": self._request.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }

    def empty(self) -> Mapping[str, Any]:
        return {**self.whole(), "data": []}

    def failed(self) -> Mapping[str, Any]:
        return self.error()

    def _vector(self) -> list[float] | str:
        if self._request.body.get("encoding_format") == "base64":
            return base64.b64encode(struct.pack(f"<{len(_VECTOR)}f", *_VECTOR)).decode()
        return list(_VECTOR)

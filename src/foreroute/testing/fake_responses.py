"""OpenAI's Responses API, whole and as its typed, numbered events."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from foreroute.testing.fake_answers import event, fragments, openai_error
from foreroute.testing.fake_response_object import asked_schema, called_tool, response_object
from foreroute.testing.fake_schema import filled_text
from foreroute.testing.fake_script import ProviderAnswer, ProviderRequest

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponsesAnswer:
    """One answer in this dialect: see `FakeStream`."""

    headers: Mapping[str, str] = {}

    def __init__(self, request: ProviderRequest, answer: ProviderAnswer, *, ident: str, created: int) -> None:
        self._request = request
        self._answer = answer
        self._ident = ident
        self._created = created
        self._tool = called_tool(request.body)
        self._sent = 0
        self._reason = None if self._tool else _INCOMPLETE.get(answer.finish_reason)

    def error(self) -> dict[str, Any]:
        return openai_error(self._answer)

    def whole(self) -> dict[str, Any]:
        return self._ended(output=[self._item(done=True)])

    def empty(self) -> dict[str, Any]:
        return self._ended(output=[])

    def failed(self) -> dict[str, Any]:
        answer = self._answer
        error = {"code": answer.error_code or "server_error", "message": answer.error_message}
        return self._object("failed", error=error)

    def preamble(self) -> bytes:
        started = self._object("in_progress")
        return self._event("response.created", response=started) + self._event(
            "response.in_progress", response=started
        )

    def content(self) -> Iterator[bytes]:
        opening = self._opening()
        kind = (
            "response.output_text.delta" if self._tool is None else "response.function_call_arguments.delta"
        )
        for text in self._texts():
            yield opening + self._event(kind, **self._place(), delta=text)
            opening = b""

    def closing(self) -> bytes:
        content = self._content_done()
        item = self._event("response.output_item.done", output_index=0, item=self._item(done=True))
        return content + item + self._terminal(self.whole())

    def empty_closing(self) -> bytes:
        return self._terminal(self.empty())

    def failure(self) -> bytes:
        return self._event("response.failed", response=self.failed())

    def _opening(self) -> bytes:
        added = self._event("response.output_item.added", output_index=0, item=self._item(done=False))
        if self._tool is not None:
            return added
        return added + self._event("response.content_part.added", **self._place(part=True), part=_part(""))

    def _content_done(self) -> bytes:
        text = "".join(self._texts())
        if self._tool is not None:
            name = self._tool["name"]
            return self._event(
                "response.function_call_arguments.done", **self._place(), name=name, arguments=text
            )
        done = self._event("response.output_text.done", **self._place(), text=text)
        return done + self._event("response.content_part.done", **self._place(part=True), part=_part(text))

    def _terminal(self, response: dict[str, Any]) -> bytes:
        return self._event(f"response.{response['status']}", response=response)

    def _ended(self, *, output: list[dict[str, Any]]) -> dict[str, Any]:
        details = None if self._reason is None else {"reason": self._reason}
        return self._object(
            "completed" if details is None else "incomplete", output=output, incomplete_details=details
        )

    def _object(self, status: str, **more: Any) -> dict[str, Any]:
        fixed = response_object(
            self._request, self._answer, ident=f"resp_{self._ident}", created=self._created, status=status
        )
        return {**fixed, **more}

    def _event(self, kind: str, **fields: Any) -> bytes:
        number, self._sent = self._sent, self._sent + 1
        return event({"type": kind, "sequence_number": number, **fields}, kind)

    def _place(self, *, part: bool = False) -> dict[str, Any]:
        """Where an event's content belongs."""
        if self._tool is not None:
            return {"item_id": f"fc_{self._ident}", "output_index": 0}
        place = {"item_id": f"msg_{self._ident}", "output_index": 0, "content_index": 0}
        return place if part else {**place, "logprobs": []}

    def _texts(self) -> list[str]:
        if self._tool is not None:
            return fragments(filled_text(self._tool.get("parameters") or {}))
        schema = asked_schema(self._request.body)
        return list(self._answer.chunks) if schema is None else fragments(filled_text(schema))

    def _item(self, *, done: bool) -> dict[str, Any]:
        finished = "completed" if self._reason is None else "incomplete"
        status, text = (finished, "".join(self._texts())) if done else ("in_progress", "")
        if self._tool is not None:
            return {
                "type": "function_call",
                "id": f"fc_{self._ident}",
                "call_id": f"call_{self._ident}",
                "name": self._tool["name"],
                "arguments": text,
                "status": status,
            }
        return {
            "type": "message",
            "id": f"msg_{self._ident}",
            "status": status,
            "role": "assistant",
            "content": [_part(text)] if done else [],
        }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

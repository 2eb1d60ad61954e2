"""Requests as far as they are read: models, limits, estimates, and bodies so large that reading must take turns."""

import asyncio
from typing import Any

import orjson
import pytest

from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.request import ModelRequest, read_opaque_request, read_request, read_small_request

CHAT = Call(Endpoint.CHAT, "/chat/completions")
OPAQUE = Call(Endpoint.OPAQUE, "/audio/transcriptions")
MIB = 1024 * 1024
LARGE = b" " * 300_000
"""White space that makes a body large enough to be skimmed."""


def read(body: bytes | dict[str, Any], call: Call = CHAT, *, depth_max: int = 128) -> ModelRequest:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    request = read_small_request(call, raw, depth_max=depth_max)
    assert isinstance(request, ModelRequest)
    return request


class TestModel:
    def test_azures_model_is_inserted_where_the_body_names_none(self) -> None:
        azure = Call(Endpoint.CHAT, "/chat/completions", "gpt")  # type: ignore[arg-type]
        request = read(b' {"messages": [1.50, {}] }', azure)
        assert (request.model, request.body_model) == ("gpt", None)
        assert request.for_channel("gpt") == b' {"model":"gpt","messages": [1.50, {}] }'

    def test_azures_model_goes_before_the_bodys(self) -> None:
        azure = Call(Endpoint.CHAT, "/chat/completions", "gpt")  # type: ignore[arg-type]
        request = read(b'{"model": "other", "n": 1}', azure)
        assert request.model == "gpt"
        assert request.for_channel("up") == b'{"model": "up", "n": 1}'
        assert request.for_channel("other") == b'{"model": "other", "n": 1}'

    def test_an_empty_object_with_the_model_in_the_path(self) -> None:
        azure = Call(Endpoint.EMBEDDINGS, "/embeddings", "emb")  # type: ignore[arg-type]
        assert orjson.loads(read(b'{"input": "x"}', azure).for_channel("emb")) == {
            "model": "emb",
            "input": "x",
        }

    @pytest.mark.parametrize("padding", [b"", LARGE], ids=["small", "large"])
    async def test_wishes_are_taken_out_and_every_other_byte_stays(self, padding: bytes) -> None:
        body = (
            b'{"models": ["b"] , "temperature" : 1.50,' + padding + b'"provider":{"only":["a"]},'
            b' "model":"gpt", "x": {"provider": 1, "models": 2}, "u": "\\u00fc"}'
        )
        request = await read_request(CHAT, body, depth_max=10)
        assert isinstance(request, ModelRequest)
        assert request.preferences.only == {"a"}
        assert request.preferences.models == ("b",)
        sent = request.for_channel("up")
        assert sent == b'{"temperature":1.50,"model":"up","x":{"provider": 1, "models": 2},"u":"\\u00fc"}'

    @pytest.mark.parametrize("padding", [b"", LARGE], ids=["small", "large"])
    async def test_a_body_without_need_of_change_is_the_same_object(self, padding: bytes) -> None:
        body = b'{"model": "gpt", "messages": []' + padding + b"}"
        request = await read_request(CHAT, body, depth_max=10)
        assert isinstance(request, ModelRequest)
        assert request.for_channel("gpt") is body

    async def test_usage_is_asked_for_on_large_streams_too(self) -> None:
        body = b'{"model":"gpt","stream":true,"stream_options":{"x":1}' + LARGE + b"}"
        request = await read_request(CHAT, body, depth_max=10)
        assert isinstance(request, ModelRequest)
        assert orjson.loads(request.for_channel("up")) == {
            "model": "up",
            "stream": True,
            "stream_options": {"x": 1, "include_usage": True},
        }

    @pytest.mark.parametrize("endpoint", [Endpoint.RESPONSES, Endpoint.MESSAGES])
    def test_other_formats_are_not_asked_for_usage(self, endpoint: Endpoint) -> None:
        body = b'{"model":"m","stream":true}'
        request = read(body, Call(endpoint, endpoint.value))
        assert request.stream
        assert request.for_channel("m") == body

    @pytest.mark.parametrize("endpoint", [Endpoint.EMBEDDINGS, Endpoint.COUNT_TOKENS])
    def test_some_answers_are_never_streamed(self, endpoint: Endpoint) -> None:
        assert not read({"model": "m", "stream": True}, Call(endpoint, endpoint.value)).stream


class TestLimits:
    @pytest.mark.parametrize(
        ("fields", "limit", "choices"),
        [
            ({}, None, 1),
            ({"max_tokens": 5}, 5, 1),
            ({"max_completion_tokens": 6, "max_tokens": 5}, 6, 1),
            ({"max_output_tokens": 7}, 7, 1),
            ({"max_tokens": 0}, None, 1),
            ({"max_tokens": -1}, None, 1),
            ({"max_tokens": True}, None, 1),
            ({"max_tokens": "5"}, None, 1),
            ({"max_tokens": 5.5}, None, 1),
            ({"max_completion_tokens": None, "max_tokens": 9}, 9, 1),
            ({"n": 4}, None, 4),
            ({"n": 0}, None, 1),
            ({"n": "many"}, None, 1),
        ],
    )
    def test_how_much_the_client_lets_it_say(
        self, fields: dict[str, Any], limit: int | None, choices: int
    ) -> None:
        request = read({"model": "m", **fields})
        assert (request.output_tokens_max, request.choices) == (limit, choices)

    @pytest.mark.parametrize("padding", [b"", LARGE], ids=["small", "large"])
    @pytest.mark.parametrize(("depth", "fits"), [(1, True), (10, True), (11, False), (100, False)])
    @pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")], ids=["lists", "objects"])
    async def test_nesting(
        self, padding: bytes, depth: int, fits: bool, brackets: tuple[bytes, bytes]
    ) -> None:
        inner = brackets[0] * (depth - 1) + b"1" + brackets[1] * (depth - 1)
        body = b'{"model": "m",' + padding + b'"a": ' + inner + b"}"
        request = await read_request(CHAT, body, depth_max=10)
        assert isinstance(request, ModelRequest) == fits
        if not fits:
            assert isinstance(request, ErrorAnswer)
            assert "deeper than the limit of 10 levels" in request.message

    async def test_what_is_wrong_with_a_large_body_is_said_with_its_place(self) -> None:
        for broken, says in (
            (b'{"model": "m", "a": [1' + LARGE, "not closed"),
            (b'{"model": "m"' + LARGE, "closing brace"),
            (b'{"model": "m" "a": 1' + LARGE + b"}", "comma"),
            (b"[" + LARGE + b"]", "object"),
            (b'{"model": "m", "a": [}' + LARGE + b"]}", "another kind"),
            (b'{"model": "m", "a": "' + LARGE, "does not end"),
            (b'{"model": "m", "stream": nope' + LARGE + b"}", "value expected"),
        ):
            answer = await read_request(CHAT, broken, depth_max=10)
            assert isinstance(answer, ErrorAnswer), says
            assert answer.status == 400
            assert says in answer.message

    async def test_large_bodies_are_asked_the_same_questions(self) -> None:
        for body, param in (
            (b'{"a": 1' + LARGE + b"}", "model"),
            (b'{"model": "m", "stream": 1' + LARGE + b"}", "stream"),
            (b'{"model": "m", "provider": 1' + LARGE + b"}", "provider"),
        ):
            answer = await read_request(CHAT, body, depth_max=10)
            assert isinstance(answer, ErrorAnswer)
            assert answer.param == param


class TestEstimate:
    def test_four_bytes_are_a_token(self) -> None:
        body = orjson.dumps({"model": "m", "messages": "x" * 4000})
        assert read(body).input_tokens == len(body) // 4

    @pytest.mark.parametrize("images", [1, 3])
    def test_an_inline_image_counts_for_what_it_shows_and_not_for_its_bytes(self, images: int) -> None:
        url = "data:image/png;base64," + "A" * 80_000
        parts = [{"type": "image_url", "image_url": {"url": url}}] * images
        tokens = read({"model": "m", "messages": [{"role": "user", "content": parts}]}).input_tokens
        assert images * 1000 < tokens < images * 1100

    def test_two_images_in_one_string_end_the_estimate_and_not_the_reading(self) -> None:
        text = ";base64,AAAA;base64,BBBB"
        assert 1000 <= read({"model": "m", "messages": text}).input_tokens <= 2100

    def test_an_earlier_answer_is_followed(self) -> None:
        assert read({"model": "m", "previous_response_id": "resp_1"}).follows == "resp_1"
        assert read({"model": "m", "previous_response_id": 7}).follows is None


class TestPrefix:
    def test_equal_beginnings_are_equal_and_what_follows_does_not_matter(self) -> None:
        start = "s" * 3000
        one = read({"model": "m", "messages": [{"role": "system", "content": start}, {"content": "one"}]})
        two = read({"messages": [{"role": "system", "content": start}, {"content": "two"}], "model": "m"})
        assert one.prefix() == two.prefix()
        assert one.prefix() is not None
        assert len(one.prefix() or b"") <= 64

    def test_other_beginnings_are_other(self) -> None:
        ones = {read({"model": "m", "input": f"{number} and more"}).prefix() for number in range(50)}
        assert len(ones) == 50

    def test_what_has_no_prompt_has_no_prefix(self) -> None:
        assert read({"model": "m"}).prefix() is None


FORM = (
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n\x00\xff\r\n'
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n'
    b'--B\r\nContent-Disposition: form-data; name="language"\r\n\r\nen\r\n--B--\r\n'
)


class TestOpaque:
    def read(self, body: bytes, content_type: str, call: Call = OPAQUE, method: str = "POST") -> ModelRequest:
        return read_opaque_request(call, method, body, content_type, "home")  # type: ignore[arg-type]

    def test_the_model_of_a_form_is_exchanged_and_no_other_byte(self) -> None:
        request = self.read(FORM, "multipart/form-data; boundary=B")
        assert (request.model, request.body_model) == ("whisper", "whisper")
        assert request.for_channel("whisper") == FORM
        assert request.for_channel("up-1") == FORM.replace(b"whisper", b"up-1")
        assert request.content_type == "multipart/form-data; boundary=B"

    def test_a_forms_model_with_headers_of_its_own(self) -> None:
        form = FORM.replace(b'name="model"', b'name="model"\r\nContent-Type: text/plain')
        request = self.read(form, "multipart/form-data; boundary=B")
        assert request.model == "whisper"
        assert request.for_channel("up") == form.replace(b"whisper", b"up")

    def test_the_model_of_json_is_exchanged_and_no_other_byte(self) -> None:
        request = self.read(
            b'{ "input": "x", "model":"tts" ,"speed":1.50}', "application/json; charset=utf-8"
        )
        assert request.model == "tts"
        assert request.for_channel("up") == b'{ "input": "x", "model":"up" ,"speed":1.50}'

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [(b"", ""), (b"{}", "application/json"), (b"[1]", "application/json"), (b"{oops", "application/json"),
         (b'{"model": 3}', "application/json"), (b"\x00\x01", "application/octet-stream"),
         (FORM.replace(b'"model"', b'"other"'), "multipart/form-data; boundary=B")],
    )  # fmt: skip
    def test_what_names_no_model_goes_home_as_it_is(self, body: bytes, content_type: str) -> None:
        request = self.read(body, content_type)
        assert (request.model, request.body_model) == ("home", None)
        assert request.for_channel("up") == body

    @pytest.mark.parametrize(
        ("path", "follows"),
        [("/files/file-1/content", "file-1"), ("/files/file-1", "file-1"), ("/files", None), ("/batches/b/cancel", "b")],
    )  # fmt: skip
    def test_the_object_in_the_path_is_followed(self, path: str, follows: str | None) -> None:
        request = self.read(b"", "", Call(Endpoint.OPAQUE, path), "GET")
        assert (request.follows, request.method, request.path) == (follows, "GET", path)


def turns_while_reading(body: bytes) -> tuple[int, ModelRequest | ErrorAnswer]:
    """How many turns another task got while the body was read, on a loop of real time."""

    async def main() -> tuple[int, ModelRequest | ErrorAnswer]:
        turns, reading = 0, True

        async def other() -> None:
            nonlocal turns
            while reading:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        turns = 0
        request = await read_request(CHAT, body, depth_max=128)
        reading = False
        await task
        return turns, request

    return asyncio.run(main())


def test_a_request_with_a_large_image_is_read_at_once_and_is_not_a_lot_of_tokens() -> None:
    body = b'{"model":"m","messages":[{"content":[{"image_url":{"url":"data:image/png;base64,%b"}}]}]}'
    body %= b"QUJD" * (50 * MIB // 4)
    _, request = turns_while_reading(body)
    assert isinstance(request, ModelRequest)
    assert request.input_tokens < 1100
    assert request.for_channel("m") is body


def test_many_large_images_leave_turns_to_others() -> None:
    image = b'{"url":"data:image/png;base64,%b"},' % (b"QUJD" * (MIB // 4))
    turns, request = turns_while_reading(b'{"model":"m","messages":[%b1]}' % (image * 50))
    assert isinstance(request, ModelRequest)
    assert 50_000 < request.input_tokens < 60_000
    assert turns >= 25, "one for every megabyte or two"


@pytest.mark.parametrize("piece", [b'{"a":[1]},', b'"ab",', b"[[]],"], ids=["objects", "strings", "lists"])
def test_bodies_of_small_values_leave_turns_to_others(piece: bytes) -> None:
    body = b'{"model":"m","messages":[%b1]}' % (piece * (4 * MIB // len(piece)))
    turns, request = turns_while_reading(body)
    assert isinstance(request, ModelRequest)
    tokens = body.count(b"[") + body.count(b"{") + body.count(b'"') // 2
    assert turns >= tokens // 10_000, "one for every few thousand tokens, or about a millisecond"

"""Requests as far as they are read: models, limits, estimates, and bodies so large that reading must take turns."""

from typing import Any

import orjson
import pytest

from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.request import ModelRequest, read_request, read_small_request

CHAT = Call(Endpoint.CHAT, "/chat/completions")
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

    @pytest.mark.parametrize("space", [b"", b" \n", LARGE], ids=["none", "some", "large"])
    async def test_an_object_without_members_with_the_model_in_the_path(self, space: bytes) -> None:
        azure = Call(Endpoint.EMBEDDINGS, "/embeddings", "emb")  # type: ignore[arg-type]
        request = await read_request(azure, b"{" + space + b"}", depth_max=10)
        assert isinstance(request, ModelRequest)
        assert request.for_channel("up") == b'{"model":"up"' + space + b"}"

    @pytest.mark.parametrize("value", [b"null", b"7", b'{"model": "x"}'])
    def test_azures_model_replaces_whatever_the_body_has_in_its_place(self, value: bytes) -> None:
        azure = Call(Endpoint.CHAT, "/chat/completions", "gpt")  # type: ignore[arg-type]
        request = read(b'{"model": ' + value + b', "n": 1}', azure)
        assert (request.model, request.body_model) == ("gpt", None)
        assert request.for_channel("up") == b'{"model": "up", "n": 1}'

    def test_azures_model_is_inserted_beside_other_models_further_inside(self) -> None:
        azure = Call(Endpoint.CHAT, "/chat/completions", "gpt")  # type: ignore[arg-type]
        assert read(b'{"a":{"model":"x"}}', azure).for_channel("up") == b'{"model":"up","a":{"model":"x"}}'

    @pytest.mark.parametrize(
        "inner",
        [
            rb'"x": "he said \"model"',
            rb'"x": "he said \"model\":\"a\""',
            rb'"x": {"model": "a"}',
            rb'"x": ["model", "a"]',
            rb'"\"model": "a"',
            rb'"x\\": {"model": "a"}',
            rb'"x": "mod\u0065l"',
        ],
    )
    @pytest.mark.parametrize("key", [b'"model"', rb'"mod\u0065l"', rb'"\u006Dodel"'])
    def test_only_the_outermost_model_is_exchanged(self, inner: bytes, key: bytes) -> None:
        for template in (b"{%b, %b : %b}", b"{%b: %b, %b}"):
            parts = (inner, key, b'"gpt"') if template.startswith(b"{%b,") else (key, b'"gpt"', inner)
            body = template % parts
            assert read(body).for_channel("up") == body.replace(b'"gpt"', b'"up"')

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

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            (b'{"model": "m"' + b',"a":1' * 50_000 + b"}", "more than 1000 members"),
            (b'{"model": "m", "models": [' + b'"a",' * 70_000 + b'"a"]}', "`models` of more than 64 KiB"),
            (b'{"model": "' + b"m" * 300_000 + b'"}', "`model` of more than 64 KiB"),
            (b'{"model": "m", "' + b"k" * 300_000 + b'": 1}', "key longer than 1024 bytes, at byte 15"),
            (b'{"model": "m", "a": ' + b"1" * 300_000 + b"}", "number longer than 1024 bytes, at byte 20"),
            (b'{"model": "m", "a": ' + b"[" * 300_000, "deeper than the limit of 10 levels"),
            (b'{"model": "m", "\\x": 1' + LARGE + b"}", "is broken"),
        ],
    )
    async def test_what_is_over_a_limit_is_said(self, body: bytes, says: str) -> None:
        answer = await read_request(CHAT, body, depth_max=10)
        assert isinstance(answer, ErrorAnswer)
        assert answer.status == 400
        assert says in answer.message

    @pytest.mark.parametrize(
        "body",
        [
            b'{"model": "m"' + b"".join(b',"%d":1' % n for n in range(1000)) + b"}",
            b'{"model": "m", "models": ["a"]' + b',"a":1' * 1000 + b"}",
        ],
        ids=["different ones", "repeated ones beside a wish"],
    )
    def test_a_small_body_with_too_many_members(self, body: bytes) -> None:
        answer = read_small_request(CHAT, body, depth_max=10)
        assert isinstance(answer, ErrorAnswer)
        assert "more than 1000 members" in answer.message

    def test_a_small_body_with_too_many_repeated_models_is_written_anew(self) -> None:
        body = b'{"messages":[1],"stream":true' + b',"model":"m"' * 1000 + b"}"
        wish = {"stream_options": {"include_usage": True}}
        sent = read(body).for_channel("up")
        assert orjson.loads(sent) == {"messages": [1], "stream": True, "model": "up", **wish}
        assert read(body).for_channel("m").count(b'"model"') == 1000

    async def test_a_thousand_members_are_not_too_many(self) -> None:
        body = b'{"model": "m"' + b',"a":1' * 999 + LARGE + b"}"
        assert isinstance(await read_request(CHAT, body, depth_max=10), ModelRequest)

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

    def test_two_images_in_one_string_are_one(self) -> None:
        text = ";base64,AAAA;base64,BBBB"
        assert 1000 <= read({"model": "m", "messages": text}).input_tokens <= 1010

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

    @pytest.mark.parametrize("size", [0, 1, 1000, 2020, 2030, 2046, 2047, 2048, 2049, 5000])
    @pytest.mark.parametrize("form", [b'"%b"', b'[{"content": "]}%b"}]', b'[["%b"], 7]', b"1%b"])
    async def test_a_prefix_is_the_same_in_a_body_of_any_size(self, size: int, form: bytes) -> None:
        prompt = form % (b"1" * min(size, 300) if form == b"1%b" else b"x" * size)
        body = b'{"mod\\u0065l":"m","prompt":%b ,"n":1}' % prompt
        digests = set[bytes | None]()
        for padding in (b"", LARGE):
            request = await read_request(CHAT, body[:-1] + padding + b"}", depth_max=10)
            assert isinstance(request, ModelRequest)
            digests.add(request.prefix())
        assert len(digests - {None}) == 1

    def test_what_has_no_prompt_has_no_prefix(self) -> None:
        assert read({"model": "m"}).prefix() is None

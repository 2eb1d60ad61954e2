"""Requests that are passed through without being understood: their model is exchanged, and no other byte."""

from typing import Any

import orjson
import pytest

from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.request import ModelRequest, read_opaque_request, read_request

OPAQUE = Call(Endpoint.OPAQUE, "/audio/transcriptions")
AZURE = Call(Endpoint.OPAQUE, "/images/generations", "gpt")  # type: ignore[arg-type]
LARGE = b" " * 300_000
"""White space that makes a body large enough to be skimmed."""
KIND = "multipart/form-data; boundary=B"
FORM = (
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n\x00\xff\r\n'
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n'
    b'--B\r\nContent-Disposition: form-data; name="language"\r\n\r\nen\r\n--B--\r\n'
)


async def answer(
    body: bytes, kind: str, call: Call = OPAQUE, method: str = "POST"
) -> ModelRequest | ErrorAnswer:
    return await read_opaque_request(call, method, body, kind, "home", depth_max=20)  # type: ignore[arg-type]


async def read(body: bytes, kind: str, call: Call = OPAQUE, method: str = "POST") -> ModelRequest:
    request = await answer(body, kind, call, method)
    assert isinstance(request, ModelRequest)
    return request


class TestForms:
    async def test_the_model_of_a_form_is_exchanged_and_no_other_byte(self) -> None:
        request = await read(FORM, KIND)
        assert (request.model, request.body_model, request.input_tokens) == ("whisper", "whisper", 0)
        assert request.for_channel("whisper") is FORM
        assert request.for_channel("up-1") == FORM.replace(b"whisper", b"up-1")
        assert request.content_type == KIND

    @pytest.mark.parametrize(
        "headers",
        [
            b'Content-Disposition: form-data; name="model"\r\nContent-Type: text/plain',
            b'Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name="model"',
            b"content-disposition: form-data; name=model",
            b'CONTENT-DISPOSITION:form-data;NAME="model"',
        ],
    )
    async def test_a_models_headers_may_be_written_in_any_way(self, headers: bytes) -> None:
        form = FORM.replace(b'Content-Disposition: form-data; name="model"', headers)
        request = await read(form, KIND)
        assert request.model == "whisper"
        assert request.for_channel("up") == form.replace(b"whisper", b"up")

    @pytest.mark.parametrize(
        "headers",
        [
            b'Content-Disposition: form-data; name="models"',
            b'Content-Disposition: form-data; name="x"; name2="model"',
            b'Content-Disposition: form-data; name="x; name=model"',
            b'Content-Disposition: form-data; name="\\"; name="model',
            b'Content-Disposition: form-data; name="model"; filename="model"',
            b"Content-Disposition: form-data; name=\"model\"; filename*=UTF-8''m",
            b'X-Content-Disposition: form-data; name="model"',
            b'Content-Disposition: attachment; name="model"',
            b'X: a; name="model"',
        ],
    )
    async def test_what_only_looks_like_a_model_is_none(self, headers: bytes) -> None:
        form = FORM.replace(b'Content-Disposition: form-data; name="model"', headers)
        request = await read(form, KIND)
        assert (request.model, request.for_channel("up")) == ("home", form)

    @pytest.mark.parametrize(
        ("kind", "boundary"),
        [
            ("multipart/form-data; boundary=B", b"B"),
            ('Multipart/Form-Data; charset=utf-8; Boundary="a b\'()+_,-./:=?"; x=y', b"a b'()+_,-./:=?"),
            ("multipart/form-data;boundary=----WebKitFormBoundaryx;x=y", b"----WebKitFormBoundaryx"),
        ],
    )
    async def test_boundaries(self, kind: str, boundary: bytes) -> None:
        form = FORM.replace(b"--B", b"--" + boundary)
        assert (await read(form, kind)).for_channel("up") == form.replace(b"whisper", b"up")

    @pytest.mark.parametrize("start", [b"", b"preamble\r\n", b"\r\n", b"--Bx\r\n"])
    async def test_what_stands_before_the_first_part_does_not_matter(self, start: bytes) -> None:
        assert (await read(start + FORM, KIND)).for_channel("up") == start + FORM.replace(b"whisper", b"up")

    async def test_an_empty_model_is_none(self) -> None:
        for form in (FORM.replace(b"whisper", b""), FORM.replace(b"whisper\r\n", b"")):
            assert (await read(form, KIND)).model == "home"

    async def test_of_several_models_the_last_counts_and_all_are_exchanged(self) -> None:
        form = FORM.replace(b'"language"', b'"model"')
        request = await read(form, KIND)
        assert request.model == "en"
        assert request.for_channel("up") == form.replace(b"whisper", b"up").replace(
            b"en\r\n--B--", b"up\r\n--B--"
        )

    @pytest.mark.parametrize("size", [0, 300_000, 1_048_570, 1_048_576, 3_000_000])
    async def test_a_file_that_speaks_of_forms_is_passed_on_as_it_is(self, size: int) -> None:
        inner = b'how to write a form:\r\n--Bx\r\nContent-Disposition: form-data; name="model"\r\n\r\nexample\r\nand so on'
        inner += b"\r" * size
        form = FORM.replace(b"\x00\xff", inner).replace(b'"model"\r\n\r\nwhisper', b'"other"\r\n\r\nwhisper')
        request = await read(form, KIND, Call(Endpoint.OPAQUE, "/files"))
        assert (request.model, request.for_channel("up")) == ("home", form)
        form = FORM.replace(b"\x00\xff", inner)
        assert (await read(form, KIND)).for_channel("up") == form.replace(b"whisper", b"up")

    @pytest.mark.parametrize("start", [b"", b"preamble\r\n"])
    async def test_azures_model_is_put_into_a_form_that_names_none(self, start: bytes) -> None:
        form = start + FORM.replace(b'"model"', b'"other"')
        request = await read(form, KIND, AZURE)
        assert (request.model, request.body_model) == ("gpt", None)
        part = b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nup\r\n'
        assert request.for_channel("up") == start + part + form.removeprefix(start)

    async def test_azures_model_goes_before_the_forms(self) -> None:
        request = await read(FORM, KIND, AZURE)
        assert request.model == "gpt"
        assert request.for_channel("up") == FORM.replace(b"whisper", b"up")

    @pytest.mark.parametrize(
        "form", [b"", b"--B", b"--B\r\n\r\nnever ends", b"--B--", b"no boundary", FORM.replace(b"--B", b"--C"), FORM[:130], FORM[:150]]
    )  # fmt: skip
    @pytest.mark.parametrize("kind", ["multipart/form-data", KIND, "multipart/form-data; boundary="])
    async def test_what_is_no_form_goes_home_as_it_is(self, form: bytes, kind: str) -> None:
        request = await read(form, kind)
        assert (request.model, request.for_channel("up")) == ("home", form)

    @pytest.mark.parametrize(
        ("form", "says"),
        [
            (b"--B\r\n\r\n\r\n" * 2000, "more than 1000 parts"),
            (b"--B\r\n" + b"x" * 5000, "headers, from byte 5, have no end within 4096 bytes"),
            (FORM.replace(b"whisper", b"w" * 2000), "`model` longer than 1024 bytes"),
        ],
    )
    async def test_what_is_over_a_limit_is_refused(self, form: bytes, says: str) -> None:
        refused = await answer(form, KIND)
        assert isinstance(refused, ErrorAnswer)
        assert refused.status == 400
        assert says in refused.message


class TestJson:
    @pytest.mark.parametrize("padding", [b"", LARGE], ids=["small", "large"])
    async def test_the_model_of_json_is_exchanged_and_no_other_byte(self, padding: bytes) -> None:
        body = b'{ "input": "x", "model":"tts" ,"speed":1.50' + padding + b"}"
        request = await read(body, "Application/JSON; charset=utf-8")
        assert (request.model, request.input_tokens) == ("tts", len(body) // 4)
        assert request.for_channel("up") == body.replace(b"tts", b"up")
        assert request.for_channel("tts") is body

    @pytest.mark.parametrize("padding", [b"", LARGE], ids=["small", "large"])
    async def test_azures_model_in_the_path_reaches_the_channel(self, padding: bytes) -> None:
        request = await read(b'{"prompt":"x"' + padding + b"}", "application/json", AZURE)
        assert (request.model, request.body_model) == ("gpt", None)
        assert request.for_channel("up") == b'{"model":"up","prompt":"x"' + padding + b"}"
        assert orjson.loads(request.for_channel("gpt")) == {"model": "gpt", "prompt": "x"}

    async def test_azures_model_goes_before_the_bodys(self) -> None:
        request = await read(b'{"model":"other"}', "application/json", AZURE)
        assert request.model == "gpt"
        assert request.for_channel("up") == b'{"model":"up"}'

    @pytest.mark.parametrize(
        ("body", "kind"),
        [(b"", ""), (b"", "application/json"), (b"{}", "application/json"),
         (b"\x00\x01", "application/octet-stream"), (b'{"model": ""}', "application/json")],
    )  # fmt: skip
    async def test_what_names_no_model_goes_home_as_it_is(self, body: bytes, kind: str) -> None:
        request = await read(body, kind)
        assert (request.model, request.body_model) == ("home", None)
        assert request.for_channel("up") is body

    @pytest.mark.parametrize(
        "body",
        [b"[1]", b"{oops", b'{"model": 3}', b'{"model":"x","a":NaN}', b"{oops" + LARGE, b"[1]" + LARGE],
    )
    async def test_json_in_which_another_reader_may_find_a_model_is_refused(self, body: bytes) -> None:
        assert isinstance(await answer(body, "application/json"), ErrorAnswer)

    @pytest.mark.parametrize("padding", [b"", LARGE], ids=["small", "large"])
    async def test_what_is_nested_too_deeply_is_refused(self, padding: bytes) -> None:
        refused = await answer(b'{"a":' + b"[" * 20 + b"]" * 20 + padding + b"}", "application/json")
        assert isinstance(refused, ErrorAnswer)
        assert "deeper than the limit of 20 levels" in refused.message


class TestWhatIsFollowed:
    @pytest.mark.parametrize(
        ("path", "follows"),
        [("/files/file-1/content", "file-1"), ("/files/file-1", "file-1"), ("/files", None), ("/batches/b/cancel", "b")],
    )  # fmt: skip
    async def test_the_object_in_the_path(self, path: str, follows: str | None) -> None:
        request = await read(b"", "", Call(Endpoint.OPAQUE, path), "GET")
        assert (request.follows, request.method, request.path) == (follows, "GET", path)

    @pytest.mark.parametrize("padding", [b"", LARGE], ids=["small", "large"])
    @pytest.mark.parametrize(
        ("path", "fields", "follows"),
        [
            ("/batches", {"input_file_id": "file-1"}, "file-1"),
            ("/batches", {"input_file_id": 7}, None),
            ("/batches", {"metadata": {"input_file_id": "file-1"}}, None),
            ("/fine_tuning/jobs", {"training_file": "file-2", "model": "m"}, "file-2"),
            ("/vector_stores/vs_1/files", {"file_id": "file-3"}, "file-3"),
        ],
    )
    async def test_the_file_in_the_body(
        self, path: str, fields: dict[str, Any], follows: str | None, padding: bytes
    ) -> None:
        body = orjson.dumps(fields)[:-1] + padding + b"}"
        request = await read(body, "application/json", Call(Endpoint.OPAQUE, path))
        assert request.follows == follows
        assert request.for_channel(request.body_model or "up") is body


class TestWhatAnotherReaderWouldSee:
    """Some providers do not look at the content type, some not at the case of a key."""

    @pytest.mark.parametrize("kind", ["text/plain", "text/json", "", "application/x-www-form-urlencoded"])
    async def test_json_is_json_whatever_it_is_called(self, kind: str) -> None:
        request = await read(b' {"model":"dear","query":"x"}', kind)
        assert request.model == "dear"
        assert orjson.loads(request.for_channel("up")) == {"model": "up", "query": "x"}

    @pytest.mark.parametrize("padding", [b"", LARGE], ids=["small", "large"])
    @pytest.mark.parametrize("key", ["Model", "MODEL", "mode\u017f"[:4] + "L"])
    async def test_a_key_in_another_case_is_refused(self, key: str, padding: bytes) -> None:
        body = b'{"model":"cheap","%b":"dear"%b}' % (key.encode(), padding)
        refused = await answer(body, "application/json")
        assert isinstance(refused, ErrorAnswer)
        assert "written like `model`" in refused.message

    async def test_so_it_is_for_chats(self) -> None:
        chat = Call(Endpoint.CHAT, "/chat/completions")
        refused = await read_request(chat, b'{"model":"cheap","max_token\xc5\xbf":9}', depth_max=20)
        assert isinstance(refused, ErrorAnswer)
        assert "written like `max_tokens`" in refused.message

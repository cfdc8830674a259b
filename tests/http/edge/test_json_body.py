import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

import orjson
import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st

from doorward.http.edge import json_body
from doorward.http.edge.refusals import BadBody, EdgeError
from tests.http.edge.wire import Serve, Served

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


class Strict(Exception):
    """The slow, plain model refuses."""


def model(raw: bytes) -> dict[str, Any]:
    """Decode as the contract says, with nothing but the standard library and no shortcuts."""
    try:
        text = raw.decode("utf-8", "strict")
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_no, parse_float=_float)
    except (ValueError, RecursionError):
        raise Strict from None
    if not isinstance(value, dict):
        raise Strict
    _walk(value, 1)
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def _no(_: str) -> NoReturn:
    raise ValueError


def _float(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError
    return value


def _walk(value: object, depth: int) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
            raise Strict
    elif isinstance(value, dict | list):
        if depth > 16:
            raise Strict
        for each in [*value, *value.values()] if isinstance(value, dict) else value:
            _walk(each, depth + 1)


def same(decode: Callable[[bytes], object], raw: bytes) -> object:
    try:
        return decode(raw)
    except (BadBody, Strict):
        return "refused"


TEXT = st.text(alphabet=st.sampled_from('a:"\\{}[],\x00\x1f \u00e9\U0001f600u0'), max_size=6)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
# Pieces that JSON is made of, and some that it is not, in any order.
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                b'{"a":',
                b"}",
                b"[",
                b"]",
                b",",
                b'"a"',
                b'"b:"',
                b":",
                b"1",
                b"-0",
                b"1e999",
                b"01",
            ),
            *(
                b'"\\u0000"',
                b'"\\\\u0000"',
                b'"\\ud800"',
                b'"\\ud83d\\ude00"',
                b"NaN",
                b"null",
                b" ",
            ),
            *(b'"\\u0061":2', b"\xef\xbb\xbf", b"\xff", b"\x00", b"\t", b'"\\""', b"{}", b"[]"),
        ]
    ),
    max_size=12,
).map(b"".join)


@given(VALUES.map(lambda value: {"v": value}))
def test_every_plain_object_is_read_as_the_model_reads_it(value: dict[str, Any]) -> None:
    raw = json.dumps(value).encode()

    assert same(json_body.decode, raw) == same(model, raw)


@given(PIECES | PIECES.map(lambda inner: b'{"a":' + inner + b"}"))
@example(b'{"a":{"b":1,"b":2},"c":":"}')
@example(b'{"a":"\\\\\\u0000"}')
@example(b'{"a":1,"\\u0061":2}')
@example(b'{"a":{"b":1,"b":2}}')
@example(b'{"a":{"b" :1,"b":2}}')
@example(b'{"a":{"b"\n:1,"b":2},"c":"d\\":"}')
def test_what_is_almost_json_is_judged_as_the_model_judges_it(raw: bytes) -> None:
    assert same(json_body.decode, raw) == same(model, raw)


@given(st.binary(max_size=200))
def test_nothing_but_a_refusal_ever_comes_of_bytes(raw: bytes) -> None:
    assert same(json_body.decode, raw) == same(model, raw)


@pytest.mark.parametrize("depth", [15, 16, 17, 18, 100, 1000, 30_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_ends_at_sixteen(depth: int, opening: bytes, closing: bytes) -> None:
    inner = depth - 1
    plain = b'{"a":' + opening * inner + b"0" + closing * inner + b"}"
    with_brackets_in_a_string = plain.replace(b"0", b'":["')

    for raw in (plain, with_brackets_in_a_string):
        if depth <= 16:
            assert json_body.decode(raw)
        else:
            with pytest.raises(BadBody):
                json_body.decode(raw)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    raw = b'{"a":[' + b"[{}]," * 5000 + b'"[[[[[[[[[[[[[[[[[[[[[["]}'

    assert len(json_body.decode(raw)["a"]) == 5001  # type: ignore[arg-type] # a list


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"[]",
        b'"text"',
        b"1",
        b"null",
        b"{",
        b'{"a":1}x',
        b'{"a":1}{"b":2}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":"\\u0000"}',
        b'{"\\u0000":1}',
        b'{"a":"\x00"}',
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":1}',
        b'{"x":[{"a":1,"a":2}]}',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":01}',
        b"{/**/}",
    ],
)
def test_each_kind_of_loose_json_is_refused(raw: bytes) -> None:
    with pytest.raises(BadBody):
        json_body.decode(raw)


def test_a_refusal_keeps_nothing_of_the_body() -> None:
    with pytest.raises(BadBody) as caught:
        json_body.decode(b'{"password":"hunter2",}')

    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def decoding(request: web.Request) -> web.Response:
    try:
        return web.Response(body=orjson.dumps(await json_body.read(request)))
    except EdgeError as error:
        return web.Response(status=error.status, text=error.reason, headers=error.headers)


async def ask(served: Served, raw: bytes) -> tuple[int, bytes]:
    async with served.client() as client:
        await client.send(raw)
        answer = await client.answer()
    return answer.status, answer.body


@pytest.mark.parametrize(
    "media_type",
    [
        b"application/json",
        b"Application/JSON",
        b"application/json; charset=utf-8",
        b'application/json;charset="UTF-8"',
        b"application/json ; profile=x",
        b"application/json;",
    ],
)
async def test_json_in_utf8_is_taken(serve: Serve, media_type: bytes) -> None:
    served = await serve(decoding)
    head = HEAD + b"Content-Type: " + media_type + b"\r\nContent-Length: 7\r\n\r\n"

    assert await ask(served, head + b'{"a":1}') == (200, b'{"a":1}')


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"Content-Type: text/plain\r\n",
        b"Content-Type: application/x-www-form-urlencoded\r\n",
        b"Content-Type: multipart/form-data; boundary=x\r\n",
        b"Content-Type: application/jsonp\r\n",
        b"Content-Type: application/ld+json\r\n",
        b"Content-Type: text/plain; x=application/json\r\n",
        b"Content-Type: application/json; charset=latin-1\r\n",
        b"Content-Type: application/json; charset=utf-8; charset=utf-16\r\n",
        b"Content-Type: application/json; charset\r\n",
        b"Content-Type: application/json, text/plain\r\n",
        b"Content-Type: \xff\r\n",
        b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        b"Content-Type: application/json\r\nContent-Encoding: identity\r\n",
        b"Content-Type: application/json\r\nContent-Encoding:\r\n",
    ],
)
async def test_any_other_body_is_a_415(serve: Serve, lines: bytes) -> None:
    served = await serve(decoding)

    status, _ = await ask(served, HEAD + lines + b"Content-Length: 2\r\n\r\n{}")

    assert status == 415


@pytest.mark.parametrize(
    "lines", [b"", b"Content-Length: 0\r\n", b"Content-Type: application/json\r\n"]
)
async def test_no_body_is_an_empty_object(serve: Serve, lines: bytes) -> None:
    served = await serve(decoding)

    assert await ask(served, HEAD + lines + b"\r\n") == (200, b"{}")


async def test_a_foreign_type_is_refused_without_a_body_too(serve: Serve) -> None:
    served = await serve(decoding)

    status, _ = await ask(served, HEAD + b"Content-Type: text/plain\r\n\r\n")

    assert status == 415


async def test_a_bad_body_is_a_400_and_the_connection_goes_on(serve: Serve) -> None:
    served = await serve(decoding)
    bad = HEAD + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"

    async with served.client() as client:
        await client.send(bad + bad)
        answers = [await client.answer(), await client.answer()]

    assert [answer.status for answer in answers] == [400, 400]


@pytest.mark.parametrize("size", [65_536, 65_537])
async def test_64_kib_is_the_most(serve: Serve, size: int) -> None:
    served = await serve(decoding)
    body = b'{"a":"' + b"x" * (size - 8) + b'"}'
    head = HEAD + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)

    status, _ = await ask(served, head + body)

    assert status == (200 if size == 65_536 else 413)

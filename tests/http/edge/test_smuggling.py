"""Requirement R-82: framing that two readers could understand differently ends the connection."""

import json

import pytest

from tests.http.edge.wire import Serve

HEAD = b"POST /first HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKS = b"\r\n0\r\n\r\n"
TE = b"Transfer-Encoding: "

AMBIGUOUS = {
    "length then chunks": HEAD + b"Content-Length: 5\r\n" + TE + b"chunked\r\n" + CHUNKS,
    "chunks then length": HEAD + TE + b"chunked\r\nContent-Length: 5\r\n" + CHUNKS,
    "chunks and length nought": HEAD + TE + b"chunked\r\nContent-Length: 0\r\n" + CHUNKS,
    "two equal lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths": HEAD + b"Content-Length: 0\r\nContent-Length: 36\r\n\r\n",
    "a list of lengths": HEAD + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": HEAD + b"Content-Length: -2\r\n\r\n{}",
    "a hexadecimal length": HEAD + b"Content-Length: 0x2\r\n\r\n{}",
    "a grouped length": HEAD + b"Content-Length: 1_0\r\n\r\n{}",
    "a length with a blank inside": HEAD + b"Content-Length: 2 0\r\n\r\n{}",
    "a length of other digits": HEAD + "Content-Length: \u0662\r\n\r\n{}".encode(),
    "an empty length": HEAD + b"Content-Length:\r\n\r\n",
    "an endless length": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    "an unknown coding": HEAD + TE + b"xchunked\r\n" + CHUNKS,
    "identity": HEAD + TE + b"identity\r\n" + CHUNKS,
    "chunks, then another coding": HEAD + TE + b"chunked, identity\r\n" + CHUNKS,
    "another coding, then chunks": HEAD + TE + b"gzip, chunked\r\n" + CHUNKS,
    "chunks twice": HEAD + TE + b"chunked, chunked\r\n" + CHUNKS,
    "two lines of chunks": HEAD + TE + b"chunked\r\n" + TE + b"chunked\r\n" + CHUNKS,
    "two lines of codings": HEAD + TE + b"gzip\r\n" + TE + b"chunked\r\n" + CHUNKS,
    "nothing, then chunks": HEAD + TE + b",chunked\r\n" + CHUNKS,
    "an empty coding": HEAD + TE + b"\r\n" + CHUNKS,
    "shouted chunks": HEAD + TE + b"CHUNKED\r\n" + CHUNKS,
    "quoted chunks": HEAD + TE + b'"chunked"\r\n' + CHUNKS,
    "chunks with a parameter": HEAD + TE + b"chunked;q=1\r\n" + CHUNKS,
    "chunks behind a vertical tab": HEAD + TE + b"\x0bchunked\r\n" + CHUNKS,
    "chunks in 1.0": HEAD.replace(b"1.1", b"1.0") + TE + b"chunked\r\n" + CHUNKS,
    "a bare line feed": b"POST /first HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "line feeds only": b"POST /first HTTP/1.1\nHost: x\n\n",
    "a head that ends with a line feed": HEAD + b"\n",
    "a bare carriage return": HEAD + b"X: a\rY: b\r\n\r\n",
    "a folded line": HEAD + b"X: y\r\n z\r\n\r\n",
    "a folded coding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n" + CHUNKS,
    "a folded length": HEAD + b"Content-Length:\r\n\t2\r\n\r\n{}",
    "a blank first line": b"POST /first HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n",
    "a blank before the colon": HEAD + b"Foo : y\r\n\r\n",
    "a tab before the colon": HEAD + b"Foo\t: y\r\n\r\n",
    "a coding before a blank": HEAD + b"Transfer-Encoding : chunked\r\n" + CHUNKS,
    "a length before a blank": HEAD + b"Content-Length : 36\r\n\r\n",
    "no colon": HEAD + b"Foo\r\n\r\n",
    "no name": HEAD + b": y\r\n\r\n",
    "a name that is no token": HEAD + b"F(o): y\r\n\r\n",
    "a name that is no ASCII": HEAD + "Fo\u00f6: y\r\n\r\n".encode(),
    "a NUL in a value": HEAD + b"Foo: a\x00b\r\n\r\n",
    "a control character in a value": HEAD + b"Foo: a\x01b\r\n\r\n",
    "no host": b"POST /first HTTP/1.1\r\n\r\n",
    "two hosts": HEAD + b"Host: y\r\n\r\n",
    "two targets": b"POST http://y/first HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target that is no path": b"POST first HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target for proxies": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a star for one resource": b"POST * HTTP/1.1\r\nHost: x\r\n\r\n",
    "a fragment": b"POST /first#second HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target that is no ASCII": b"POST /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target with a NUL": b"POST /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /first\r\n\r\n",
    "version 0.9": b"GET /first HTTP/0.9\r\nHost: x\r\n\r\n",
    "version 1.2": b"GET /first HTTP/1.2\r\nHost: x\r\n\r\n",
    "version 2.0": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a quiet version": b"GET /first http/1.1\r\nHost: x\r\n\r\n",
    "a quiet method": b"get /first HTTP/1.1\r\nHost: x\r\n\r\n",
    "an unknown method": b"FOO /first HTTP/1.1\r\nHost: x\r\n\r\n",
    "a handshake": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a header line without an end": HEAD + b"X: " + b"y" * 9000 + b"\r\n\r\n",
    "a name without an end": HEAD + b"X" * 9000 + b": y\r\n\r\n",
    "a target without an end": b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "headers without an end": HEAD + b"X: y\r\n" * 200 + b"\r\n",
    **{
        f"chunk {name}": HEAD + TE + b"chunked\r\n\r\n" + chunks
        for name, chunks in {
            "size in another notation": b"0x2\r\n{}\r\n0\r\n\r\n",
            "size with a sign": b"+2\r\n{}\r\n0\r\n\r\n",
            "size before a blank": b"2 \r\n{}\r\n0\r\n\r\n",
            "size behind a blank": b" 2\r\n{}\r\n0\r\n\r\n",
            "size that overflows": b"10000000000000002\r\n{}\r\n0\r\n\r\n",
            "size of nothing": b"\r\n{}\r\n0\r\n\r\n",
            "size with a line feed": b"2\n{}\r\n0\r\n\r\n",
            "data with a line feed": b"2\r\n{}\n0\r\n\r\n",
            "end with line feeds": b"2\r\n{}\r\n0\n\n",
            "end with one line feed": b"2\r\n{}\r\n0\r\n\n",
            "data longer than its size": b"2\r\n{}x\r\n0\r\n\r\n",
            "extension with a line feed": b"2;a\nb\r\n{}\r\n0\r\n\r\n",
            "extension with a NUL": b"2;\x00\r\n{}\r\n0\r\n\r\n",
            "trailer with a blank": b"0\r\nX : 1\r\n\r\n",
            "trailer that is folded": b"0\r\nX: 1\r\n 2\r\n\r\n",
            "trailer with a length": b"0\r\nContent-Length: 36\r\n\r\n",
            "trailer with a coding": b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        }.items()
    },
}


@pytest.mark.parametrize("raw", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_ambiguous_framing_is_refused_and_nothing_that_follows_is_executed(
    serve: Serve, raw: bytes
) -> None:
    served = await serve()

    async with served.client() as client:
        await client.send(raw + SMUGGLED)
        rest = await client.rest()

    head, _, body = rest.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"400"
    assert json.loads(body) == {"error": {"code": "bad_request"}}
    assert served.seen == []


@pytest.mark.parametrize("raw", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_what_follows_is_not_executed_when_it_comes_later_either(
    serve: Serve, raw: bytes
) -> None:
    served = await serve()
    half = len(raw) * 2 // 3

    async with served.client() as client:
        # What was cut off may reach a connection that is closed already.
        await client.send_while_open(raw[:half], raw[half:], SMUGGLED, SMUGGLED)
        rest = await client.rest()

    assert b"/smuggled" not in rest
    assert "GET /smuggled" not in served.seen
    assert len(served.seen) <= 1


async def test_a_refusal_says_nothing_of_the_request_nor_of_the_server(serve: Serve) -> None:
    served = await serve()

    async with served.client() as client:
        await client.send(b"GET /s3cret HTTP/1.1\r\nHost: x\r\nCookie : s3cret=s3cret\r\n\r\n")
        answer = await client.answer()
        rest = await client.rest()

    told = str(answer).lower()
    assert (answer.status, rest) == (400, b"")
    assert answer.headers["Server"] == "doorward"
    assert answer.headers["Connection"] == "close"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(answer.headers["X-Request-Id"]) >= 8
    assert not any(word in told for word in ("s3cret", "aiohttp", "python", "traceback", "cookie"))


async def test_a_refusal_writes_nothing_of_the_request_to_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    served = await serve()

    async with served.client() as client:
        await client.send(b"GET /s3cret HTTP/1.1\r\nHost: x\r\nCookie : s3cret=s3cret\r\n\r\n")
        await client.rest()

    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /first HTTP/1.1\r\nHost: x\r\nContent-Length: 0002\r\n\r\n{}",
        b"GET /first HTTP/1.1\r\nHost: x\r\nContent-Length:\t2 \r\n\r\n{}",
        b"GET http://X/first HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /first HTTP/1.1\r\nhost: x\r\nX: \xff\r\n\r\n",
        b"\r\nGET /first HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /first HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET /first HTTP/1.1\r\nHost: x\r\n" + TE + b"chunked\r\n" + CHUNKS,
    ],
)
async def test_what_is_unusual_but_clear_is_served_and_so_is_what_follows(
    serve: Serve, raw: bytes
) -> None:
    served = await serve()

    async with served.client() as client:
        await client.send(raw + SMUGGLED)
        answers = [await client.answer(), await client.answer()]

    assert [answer.status for answer in answers] == [200, 200]
    assert len(served.seen) == 2

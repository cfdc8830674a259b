"""Requirement R-88: pipelining, ``Expect``, trailers, many cookies do not corrupt answers."""

import asyncio
import random

import pytest
from aiohttp import web

from doorward.http.edge import cookies
from tests.http.edge.wire import Serve

GET = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /%d HTTP/1.1\r\nHost: x\r\n"


async def told(request: web.Request) -> web.Response:
    """Answer with path, body and the names of the header fields."""
    body = await request.read()
    names = " ".join(sorted(request.headers))
    return web.Response(text=f"{request.path[1:]}|{body.decode()}|{names}")


def a_request(number: int, chance: random.Random) -> tuple[bytes, str]:
    """Make a request of any kind, and what its answer must be."""
    body = b"chunked " * chance.randrange(40)
    kind = chance.randrange(5)
    if kind == 0:
        return GET % number, f"{number}||Host"
    if kind == 1:
        jar = "; ".join(f"c{each}=v" for each in range(200))
        raw = b"GET /%d HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n\r\n" % (number, jar.encode())
        return raw, f"{number}||Cookie Host"
    if kind == 2:
        raw = POST % number + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        return raw, f"{number}|{body.decode()}|Content-Length Host"
    chunks = b"%x;a=b\r\n%s\r\n" % (len(body), body) if body else b""
    trailers = b"X-Trailer: chunked\r\nCookie: evil=1\r\n" if kind == 3 else b""
    raw = POST % number + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    return raw + b"0\r\n" + trailers + b"\r\n", f"{number}|{body.decode()}|Host Transfer-Encoding"


@pytest.mark.parametrize("seed", range(3))
async def test_a_thousand_mixed_requests_are_answered_in_order_each_with_its_own(
    serve: Serve, seed: int
) -> None:
    chance = random.Random(seed)
    served = await serve(told)
    requests = [a_request(number, chance) for number in range(1000)]
    raw = b"".join(request for request, _ in requests)

    async with served.client() as client:
        sending = asyncio.create_task(client.send_in_pieces(raw, chance))
        answers = [await client.answer() for _ in requests]
        await sending

    assert [answer.status for answer in answers] == [200] * 1000
    assert [answer.body.decode() for answer in answers] == [expected for _, expected in requests]


async def test_a_body_that_comes_late_does_not_stop_what_is_pipelined_behind_it(
    serve: Serve,
) -> None:
    begun = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        begun.set()
        return await told(request)

    served = await serve(handler)

    async with served.client() as client:
        await client.send(POST % 0 + b"Content-Length: 2\r\n\r\n")
        await begun.wait()
        await client.send(b"{}" + b"".join(GET % number for number in range(1, 101)))
        answers = [await client.answer() for _ in range(101)]

    assert [int(answer.body.split(b"|")[0]) for answer in answers] == list(range(101))


async def test_a_client_that_never_reads_is_not_parsed_without_bound(serve: Serve) -> None:
    held, release = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        held.set()
        await release.wait()
        return await told(request)

    served = await serve(handler)

    async with served.client() as client:
        sending = asyncio.create_task(client.send(GET % 7 * 20_000))
        await held.wait()
        (connection,) = served.edge.connections
        waiting = connection.waiting()  # type: ignore[attr-defined] # an EdgeConnection
        release.set()
        answers = [await client.answer() for _ in range(20_000)]
        await sending

    assert waiting <= 32 + 8192 // len(GET) + 1
    assert len(served.seen) == len(answers) == 20_000


async def test_an_expectation_is_met_before_the_answer(serve: Serve) -> None:
    served = await serve(told)

    async with served.client() as client:
        await client.send(POST % 1 + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        interim = await client.answer()
        await client.send(b"{}" + GET % 2)
        answers = [await client.answer(), await client.answer()]

    assert interim.status == 100
    assert [answer.body for answer in answers] == [b"1|{}|Content-Length Expect Host", b"2||Host"]


async def test_an_unknown_expectation_is_refused_without_an_echo(serve: Serve) -> None:
    served = await serve(told)

    async with served.client() as client:
        await client.send(POST % 1 + b"Expect: <s3cret>\r\nContent-Length: 2\r\n\r\n{}" + GET % 2)
        rest = await client.rest()

    assert rest.startswith(b"HTTP/1.1 417 ")
    assert rest.count(b"HTTP/1.1") == 1
    assert b"s3cret" not in rest
    assert b"aiohttp" not in rest
    assert served.seen == []


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"TLS/1.0"])
async def test_a_request_for_another_protocol_is_answered_as_the_last(
    serve: Serve, protocol: bytes
) -> None:
    served = await serve(told)
    lines = b"Connection: upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"

    async with served.client() as client:
        await client.send(GET % 1 + (GET % 2)[:-2] + lines + GET % 3)
        answers = [await client.answer(), await client.answer()]
        rest = await client.rest()

    assert [answer.headers.get("Connection") for answer in answers] == [None, "close"]
    assert rest == b""
    assert served.seen == ["GET /1", "GET /2"]


async def test_many_cookies_are_all_read(serve: Serve) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text=str(len(cookies.parse(request))))

    served = await serve(handler)
    jar = "; ".join(f"c{number}=v" for number in range(900)).encode()

    async with served.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + jar + b"\r\n\r\n")
        answer = await client.answer()

    assert (answer.status, answer.body) == (200, b"900")

"""Requirement R-86: what escapes every surface is generic JSON, without version, cause or echo."""

import json

import pytest
from aiohttp import web

from tests.http.edge.wire import Handler, Serve

GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


def failing(error: BaseException) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/fails":
            raise error
        return web.Response(text="fine")

    return handler


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (web.HTTPNotFound(text="s3cret"), 404, "not_found"),
        (web.HTTPForbidden(text="s3cret"), 403, "forbidden"),
        (web.HTTPRequestEntityTooLarge(1, 2, text="s3cret"), 413, "payload_too_large"),
        (web.HTTPGone(text="s3cret"), 400, "bad_request"),
        (web.HTTPBadGateway(text="s3cret"), 500, "internal"),
    ],
)
async def test_an_aiohttp_error_that_escapes_is_said_in_our_words(
    serve: Serve, error: Exception, status: int, code: str
) -> None:
    served = await serve(failing(error))

    async with served.client() as client:
        await client.send(GET % b"fails" + GET % b"fine")
        answers = [await client.answer(), await client.answer()]

    assert [answer.status for answer in answers] == [status, 200]
    assert json.loads(answers[0].body) == {"error": {"code": code}}
    assert "s3cret" not in str(answers[0])


async def test_a_405_keeps_what_is_allowed(serve: Serve) -> None:
    served = await serve(failing(web.HTTPMethodNotAllowed("TRACE", ["GET", "POST"])))

    async with served.client() as client:
        await client.send(GET % b"fails")
        answer = await client.answer()

    assert (answer.status, answer.headers["Allow"]) == (405, "GET,POST")


async def test_a_redirect_is_let_through(serve: Serve) -> None:
    served = await serve(failing(web.HTTPSeeOther("/elsewhere")))

    async with served.client() as client:
        await client.send(GET % b"fails")
        answer = await client.answer()

    assert (answer.status, answer.headers["Location"]) == (303, "/elsewhere")
    assert answer.headers["Server"] == "doorward"


@pytest.mark.parametrize("error", [RuntimeError("s3cret"), TimeoutError("s3cret")])
async def test_an_exception_that_escapes_is_a_500_that_tells_nothing(
    serve: Serve, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(failing(error))

    async with served.client() as client:
        await client.send(GET % b"fails" + GET % b"fine")
        answer = await client.answer()
        rest = await client.rest()

    told = str(answer).lower()
    assert (answer.status, json.loads(answer.body)) == (500, {"error": {"code": "internal"}})
    assert (answer.headers["Connection"], rest) == ("close", b"")
    assert not any(word in told for word in ("s3cret", "aiohttp", "python", "error:", "traceback"))
    assert [record.name for record in caplog.records] == ["doorward.http"]


async def test_no_path_is_written_to_a_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    served = await serve()

    async with served.client() as client:
        await client.send(GET % b"s3cret")
        await client.answer()

    assert "s3cret" not in caplog.text


async def test_the_caller_s_request_id_comes_back(serve: Serve) -> None:
    served = await serve(failing(web.HTTPNotFound()))

    async with served.client() as client:
        await client.send(b"GET /fails HTTP/1.1\r\nHost: x\r\nX-Request-Id: caller-0123\r\n\r\n")
        answer = await client.answer()

    assert answer.headers["X-Request-Id"] == "caller-0123"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_no_answer_names_aiohttp_even_if_a_handler_names_nobody(serve: Serve) -> None:
    served = await serve()

    async with served.client() as client:
        await client.send(GET % b"fine")
        answer = await client.answer()

    assert answer.headers["Server"] == "doorward"


async def test_a_server_that_a_handler_names_is_kept(serve: Serve) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"Server": "doorward-pages"})

    served = await serve(handler)

    async with served.client() as client:
        await client.send(GET % b"fine")
        answer = await client.answer()

    assert answer.headers["Server"] == "doorward-pages"


async def test_a_refusal_that_says_it_closes_does(serve: Serve) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=413, headers={"Connection": "close"})

    served = await serve(handler)

    async with served.client() as client:
        await client.send(GET % b"1" + GET % b"2")
        answer = await client.answer()
        rest = await client.rest()

    assert (answer.status, rest, served.seen) == (413, b"", ["GET /1"])

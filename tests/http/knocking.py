"""A client that sends exactly what it is told: no cookie jar, no headers of its own."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy

JSON: Final = ("Content-Type", "application/json")
SECONDS_MAX: Final = 20
_LARGE_BYTES: Final = 1_000_000
_SILENT: Final = ("Content-Type", "User-Agent", "Accept", "Accept-Encoding")

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def body(self) -> Any:  # noqa: ANN401 - any JSON value
        return json.loads(self.raw)

    @property
    def data(self) -> Any:  # noqa: ANN401 - any JSON value
        """What a portal answer holds; nothing else may be in its envelope."""
        envelope = self.body
        assert set(envelope) == {"data", "error", "meta"}
        assert envelope["error"] is None, envelope["error"]
        return envelope["data"]

    @property
    def error(self) -> Any:  # noqa: ANN401 - any JSON value
        envelope = self.body
        assert set(envelope) == {"data", "error", "meta"}
        assert envelope["data"] is None
        return envelope["error"]

    @property
    def cookies(self) -> list[str]:
        return self.headers.getall("Set-Cookie", [])

    def cookie(self, prefix: str) -> str:
        """Tell the ``name=value`` of the one cookie set under a name that begins so."""
        pairs = [cookie.partition(";")[0] for cookie in self.cookies]
        (found,) = [pair for pair in pairs if pair.startswith(prefix)]
        return found

    def unmistakable(self) -> tuple[int, list[str], bytes]:
        """Tell all of it that must not differ between answers that must look the same."""
        stamped = re.sub(rb'"timestamp":"[^"]*"', b'"timestamp":""', self.raw)
        return self.status, sorted(name.lower() for name in self.headers), stamped


class Client:
    """Knocks at one server, from one address."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Headers = (),
        *,
        raw: bytes | None = None,
    ) -> Answer:
        """Send one request; ``body`` goes as JSON, ``raw`` as it is and without a type."""
        sent = CIMultiDict(headers)
        if body is not None:
            raw = json.dumps(body).encode()
            sent.add(*JSON)
        async with self._session.request(
            method,
            f"{self.url}{path}",
            # aiohttp warns of large bodies that are not read bit by bit.
            data=raw if raw is None or len(raw) < _LARGE_BYTES else io.BytesIO(raw),
            headers=sent,
            skip_auto_headers=_SILENT,
            allow_redirects=False,
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, headers: Headers = ()) -> Answer:
        return await self("GET", path, headers=headers)

    async def post(self, path: str, body: object = None, headers: Headers = ()) -> Answer:
        return await self("POST", path, body, headers)


@asynccontextmanager
async def client_from(url: str, address: str | None = None) -> AsyncIterator[Client]:
    """Make a client; ``address`` is the loopback address its sockets are bound to."""
    connector = aiohttp.TCPConnector(
        local_addr=(address, 0) if address is not None else None, limit=200
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=SECONDS_MAX),
        auto_decompress=False,
    ) as session:
        yield Client(session, url)


async def sent(
    url: str, method: str, path: str, body: object = None, headers: Headers = ()
) -> Awaitable[Answer]:
    """Hand one request to the kernel; whoever serves there may take it later, or never.

    Returns:
        The answer to come.
    """
    host, _, port = url.removeprefix("http://").partition(":")
    raw = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"{JSON[0]}: {JSON[1]}", f"Content-Length: {len(raw)}"] if raw else []
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join([*lines, "", ""]).encode() + raw)
    await writer.drain()
    return _answer_of(reader, writer)


async def _answer_of(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    async with asyncio.timeout(SECONDS_MAX):
        head, _, raw = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    first, *lines = head.decode().split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    headers = CIMultiDict((name, value) for name, _, value in pairs)
    return Answer(int(first.split(" ")[1]), CIMultiDictProxy(headers), raw)


def cookie_header(*pairs: str) -> tuple[str, str]:
    """Make the ``Cookie`` line that brings these ``name=value`` pairs."""
    return ("Cookie", "; ".join(pairs))


def bearer(key: str) -> tuple[str, str]:
    """Make the ``Authorization`` line of a key."""
    return ("Authorization", f"Bearer {key}")

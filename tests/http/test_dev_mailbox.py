import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.mail import Mail, OrderNews, SignIn
from doorward.actors.post.rendering import render
from doorward.http.dev_mailbox import add_dev_mailbox

PATHS = ["/dev/mailbox", "/dev/mailbox.json", "/dev/mailbox/mail-1"]
ORIGIN = "https://alpha.example"
LINK = f"{ORIGIN}/s/alpha/account/link?token=l1"


class Foreign(asyncio.Protocol):
    """Lets a server believe that whoever connects comes from another address."""

    def __init__(self, handler: asyncio.Protocol, peer: object) -> None:
        self._handler = handler
        self._peer = peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._handler.connection_made(Relabelled(transport, self._peer))

    def data_received(self, data: bytes) -> None:
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        return self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._handler.connection_lost(exc)


class Relabelled(asyncio.Transport):
    def __init__(self, transport: asyncio.BaseTransport, peer: object) -> None:
        super().__init__()
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._peer if name == "peername" else self._transport.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()


class Served:
    def __init__(self, runner: web.AppRunner, port: int) -> None:
        self.runner = runner
        self.url = f"http://127.0.0.1:{port}"


@asynccontextmanager
async def serving(*mails: Mail) -> AsyncIterator[Served]:
    mailbox = DevelopmentMailbox()
    for mail in mails:
        await mailbox.send(mail)
    app = web.Application()
    add_dev_mailbox(app, mailbox)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Served(runner, runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def got(url: str, **headers: str) -> tuple[int, str, aiohttp.typedefs.LooseHeaders]:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client,
        client.get(url, headers=headers) as answer,
    ):
        return answer.status, await answer.text(), answer.headers


def mail_with(**changes: object) -> Mail:
    values: dict[str, object] = {
        "id": "mail-1",
        "slug": "alpha",
        "to": "buyer@example.org",
        "display_name": "Alpha Shop",
        "accent": "#0a7c66",
        "origin": ORIGIN,
        "locale": "en",
        "expires_at_ms": 1_700_000_600_000,
        "sent_at_ms": 1_700_000_000_042,
    }
    sign_in: dict[str, object] = {"code": "482913", "link": None, "minutes_left": 10}
    sign_in |= {name: changes.pop(name) for name in sign_in if name in changes}
    content = changes.pop("content", None) or SignIn(**sign_in)  # type: ignore[arg-type]
    return Mail(**(values | changes), content=content)  # type: ignore[arg-type]


def row(html: str, mail_id: str) -> str:
    return next(part for part in html.split("<tr>") if f'/dev/mailbox/{mail_id}"' in part)


async def test_the_page_lists_mails_newest_first_with_all_there_is_to_know() -> None:
    first = mail_with(id="mail-1", to="a+b@example.org")
    second = mail_with(id="mail-2", slug="beta", code=None, link=LINK, display_name="Beta <&>")

    async with serving(first, second) as served:
        status, html, _ = await got(f"{served.url}/dev/mailbox")

    assert status == 200
    assert html.index("/dev/mailbox/mail-2") < html.index("/dev/mailbox/mail-1")
    for text in (
        "22:13:20",
        "alpha",
        "a+b@example.org",
        "482913 is your Alpha Shop code",
        ">482913<",
    ):
        assert text in row(html, "mail-1")
    assert '<a href="https://' not in row(html, "mail-1")
    for text in ("beta", "Sign in to Beta &lt;&amp;&gt;", f'href="{LINK}"'):
        assert text in row(html, "mail-2")


async def test_an_empty_mailbox_says_so() -> None:
    async with serving() as served:
        status, html, _ = await got(f"{served.url}/dev/mailbox")

    assert status == 200
    assert "Nothing yet" in html


async def test_the_page_can_be_narrowed_to_an_address_or_a_storefront() -> None:
    mails = [
        mail_with(id="mail-1"),
        mail_with(id="mail-2", to="other@example.org"),
        mail_with(id="mail-3", slug="beta"),
    ]

    async with serving(*mails) as served:
        _, by_address, _ = await got(f"{served.url}/dev/mailbox?to=Other@Example.org")
        _, by_storefront, _ = await got(f"{served.url}/dev/mailbox?storefront=beta")
        _, by_neither, _ = await got(f'{served.url}/dev/mailbox?to="><script>&storefront=')

    assert re.findall(r"mailbox/(mail-\d)", by_address) == ["mail-2"]
    assert re.findall(r"mailbox/(mail-\d)", by_storefront) == ["mail-3"]
    assert "Nothing here matches" in by_neither
    assert "<script" not in by_neither


async def test_one_mail_shows_its_html_in_a_sandbox_and_its_text() -> None:
    mail = mail_with(link=LINK, display_name="</iframe><script>alert(1)</script>")

    async with serving(mail) as served:
        status, html, headers = await got(f"{served.url}/dev/mailbox/mail-1")

    frame = re.search(r'<iframe [^>]*sandbox=""[^>]* srcdoc="([^"]*)"', html)
    assert status == 200
    assert frame is not None
    assert unescape(frame[1]) == render(mail).html
    assert render(mail).text in unescape(html.split("<pre")[1])
    assert f'href="{LINK}"' in html
    assert "<script" not in html
    assert "script-src" not in cast("Any", headers)["Content-Security-Policy"]


async def test_a_mail_that_is_not_kept_is_not_found() -> None:
    async with serving(mail_with()) as served:
        status, _, _ = await got(f"{served.url}/dev/mailbox/mail-2")

    assert status == 404


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_is_for_this_browser_alone_and_runs_nothing(path: str) -> None:
    async with serving(mail_with()) as served:
        status, body, headers = await got(served.url + path)

    sent = cast("Any", headers)
    assert status == 200
    assert sent["Cache-Control"] == "no-store"
    assert sent["X-Content-Type-Options"] == "nosniff"
    assert sent["Referrer-Policy"] == "no-referrer"
    assert sent["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in sent
    if not path.endswith(".json"):
        policy = dict(
            part.strip().split(" ", 1) for part in sent["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'"
        assert set(policy) == {
            "default-src",
            "style-src",
            "form-action",
            "base-uri",
            "frame-ancestors",
        }
        assert "<script" not in body
        assert not re.search(r"\son\w+=", body)


async def test_the_list_allows_its_own_styles_only_and_anew_each_time() -> None:
    async with serving(mail_with()) as served:
        answers = [await got(f"{served.url}/dev/mailbox") for _ in range(2)]

    nonces = []
    for _, html, headers in answers:
        policy = cast("Any", headers)["Content-Security-Policy"]
        found = re.search(r"style-src 'nonce-([\w-]{20,})';", policy)
        assert found is not None
        assert f'<style nonce="{found[1]}">' in html
        assert "style=" not in html
        nonces.append(found[1])
    assert nonces[0] != nonces[1]


async def test_curl_gets_the_newest_mails_as_json() -> None:
    mails = [mail_with(id=f"mail-{n}", sent_at_ms=1_700_000_000_042 + n) for n in range(3)]
    linked = mail_with(id="mail-3", slug="beta", code=None, link=LINK)

    async with serving(*mails, linked) as served:
        status, body, headers = await got(f"{served.url}/dev/mailbox.json?limit=2")

    items = json.loads(body)["items"]
    rendered = render(mails[2])
    assert status == 200
    assert cast("Any", headers)["Content-Type"] == "application/json"
    assert [item["id"] for item in items] == ["mail-3", "mail-2"]
    assert items[1] == {
        "id": "mail-2",
        "slug": "alpha",
        "to": "buyer@example.org",
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
        "code": "482913",
        "links": [],
        "sentAt": "2023-11-14T22:13:20.044Z",
    }
    assert items[0]["code"] is None
    assert items[0]["links"] == [LINK]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["mail-3", "mail-2", "mail-1"]),
        ("?to=a%2Bb@example.org", ["mail-3", "mail-1"]),
        ("?to=a+b@example.org", ["mail-3", "mail-1"]),
        ("?to=A%2BB@EXAMPLE.org", ["mail-3", "mail-1"]),
        ("?to=a%2Bb@example.org&storefront=beta", ["mail-3"]),
        ("?storefront=beta&limit=1", ["mail-3"]),
        ("?to=nobody@example.org", []),
    ],
)
async def test_json_can_be_narrowed_by_address_storefront_and_number(
    query: str, ids: list[str]
) -> None:
    mails = [
        mail_with(id="mail-1", to="a+b@example.org"),
        mail_with(id="mail-2", slug="beta"),
        mail_with(id="mail-3", slug="beta", to="a+b@example.org"),
    ]

    async with serving(*mails) as served:
        _, body, _ = await got(f"{served.url}/dev/mailbox.json{query}")

    assert [item["id"] for item in json.loads(body)["items"]] == ids


@pytest.mark.parametrize("limit", ["0", "501", "-1", "", "ten", "1.5", "%C2%B2", "9" * 30])
async def test_a_limit_that_makes_no_sense_is_refused(limit: str) -> None:
    async with serving(mail_with()) as served:
        status, body, headers = await got(f"{served.url}/dev/mailbox.json?limit={limit}")

    assert status == 400
    assert json.loads(body) == {"error": {"code": "bad_request", "param": "limit"}}
    assert cast("Any", headers)["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1:80", "[::1]:8080", "alpha.localhost:8080"]
)
async def test_a_local_name_is_answered(path: str, host: str) -> None:
    async with serving(mail_with()) as served:
        status, _, _ = await got(served.url + path, Host=host)

    assert status == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    [
        "rebound.evil.test",
        "localhost.evil.test",
        "localhost.",
        "evillocalhost",
        "127.0.0.1.evil.test",
        "127.0.0.1:80:80",
        "localhost@evil.test",
        ".localhost",
        "192.168.1.5",
        "",
    ],
)
async def test_a_foreign_name_for_this_machine_finds_nothing(path: str, host: str) -> None:
    async with serving(mail_with()) as served:
        status, body, _ = await got(served.url + path, Host=host)

    assert status == 404
    assert "482913" not in body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("hosts", [[], ["localhost", "evil.test"], ["localhost", "localhost"]])
async def test_not_exactly_one_host_finds_nothing(path: str, hosts: list[str]) -> None:
    lines = "".join(f"Host: {host}\r\n" for host in hosts)

    async with serving(mail_with()) as served, asyncio.timeout(10):
        port = int(served.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert answer.split(b" ")[1] in {b"400", b"404"}
    assert b"482913" not in answer


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"]
)
async def test_what_a_proxy_passes_on_finds_nothing(path: str, header: str) -> None:
    async with serving(mail_with()) as served:
        status, body, _ = await got(served.url + path, **{header: "127.0.0.1"})

    assert status == 404
    assert "482913" not in body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (("203.0.113.9", 40_000), 404),
        (("10.0.0.1", 40_000), 404),
        (("2001:db8::1", 40_000, 0, 0), 404),
        (("fe80::1%eth0", 40_000, 0, 2), 404),
        (("::ffff:203.0.113.9", 40_000, 0, 0), 404),
        ("", 404),
        (None, 404),
        (("127.9.9.9", 40_000), 200),
        (("::1", 40_000, 0, 0), 200),
        (("::ffff:127.0.0.1", 40_000, 0, 0), 200),
    ],
)
async def test_only_a_loopback_peer_is_answered(path: str, peer: object, expected: int) -> None:
    async with serving(mail_with()) as served:
        handlers = served.runner.server
        assert handlers is not None
        labelled = await asyncio.get_running_loop().create_server(
            lambda: Foreign(handlers(), peer), "127.0.0.1", 0
        )
        port = labelled.sockets[0].getsockname()[1]

        status, body, _ = await got(f"http://127.0.0.1:{port}{path}")
        labelled.close()

    assert status == expected
    assert ("482913" in body) == (expected == 200)


@pytest.mark.parametrize("path", PATHS)
async def test_a_unix_socket_finds_nothing(path: str, tmp_path: Path) -> None:
    async with serving(mail_with()) as served:
        await web.UnixSite(served.runner, str(tmp_path / "s")).start()
        connector = aiohttp.UnixConnector(str(tmp_path / "s"))

        async with (
            aiohttp.ClientSession(connector=connector) as client,
            client.get(f"http://localhost{path}") as answer,
        ):
            status = answer.status

    assert status == 404


@pytest.mark.parametrize("path", PATHS)
async def test_the_mailbox_is_only_read(path: str) -> None:
    async with (
        serving(mail_with()) as served,
        aiohttp.ClientSession() as client,
        client.post(served.url + path) as answer,
    ):
        status, allowed = answer.status, answer.headers["Allow"]

    assert status == 405
    assert allowed == "GET,HEAD"


async def test_news_of_an_order_are_shown_with_their_link_and_no_code() -> None:
    link = f"{ORIGIN}/o/{'t' * 44}"
    news = OrderNews(news="status", number="1042", status="delivered", link=link)

    async with serving(mail_with(content=news)) as served:
        _, listing, _ = await got(f"{served.url}/dev/mailbox")
        _, one, _ = await got(f"{served.url}/dev/mailbox/mail-1")
        _, body, _ = await got(f"{served.url}/dev/mailbox.json")

    (item,) = json.loads(body)["items"]
    assert (item["code"], item["links"]) == (None, [link])
    assert item["subject"] == "Order 1042: Delivered"
    assert "Order 1042: Delivered" in listing
    assert f'href="{link}"' in one

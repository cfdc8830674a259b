import asyncio
import json
import re
from pathlib import Path

from tests.http.doors import MASTER_KEY, OPERATOR_KEY, STOREFRONTS
from tests.http.guessing import guess, spend_guesses
from tests.http.knocking import cookie_header
from tests.http.shops import AUTH, BUYER, SANDBOX
from tests.process.servers import SETTINGS, serving

EVIL = "evil\x1b[31m"


async def test_what_a_server_writes_holds_no_secret_and_one_event_a_line(tmp_path: Path) -> None:
    secrets = [
        OPERATOR_KEY,
        SETTINGS["DOORWARD_MASTER_KEY"],
        MASTER_KEY.hex(),
        BUYER,
        "linked@x.io",
    ]
    async with serving(tmp_path, DOORWARD_LOG_LEVEL="debug") as server:
        front = await server.open_sandbox()
        await server.open_storefront("plain")
        signed_in = await front.sign_in()
        await spend_guesses(front, "linked@x.io")
        await front.advance(60)
        await front.request_code("linked@x.io")
        token = await front.link_token("linked@x.io")
        linked = await front.verify_link(token)
        await front.sign_out(linked.cookie("portal-"))
        await front.request_code()
        await guess(front, 2)
        plain = {"storefrontSlug": "plain", "email": BUYER}
        await server.client.post(f"{AUTH}/request-otp", plain, [("User-Agent", "evil agent")])
        await server.client.post(f"{AUTH}/request-otp", {**plain, "email": f"{EVIL}\r\n@x.io"})
        await server.client.get(f"{AUTH}/me", [cookie_header("a=1", "a=1"), ("X-Evil", "evil\tx")])
        await front.sign_out(headers=[("Origin", "https://evil.example")])
        await odd_bytes(server.client.url)
        async with asyncio.timeout(20):
            while not (await server.client.get("/dev/mailbox.json")).body["items"]:
                pass
        codes = [mail["code"] for mail in await front.mails() if mail["code"]]
        codes += [
            mail["code"] for mail in (await server.client.get("/dev/mailbox.json")).body["items"]
        ]
        secrets += [front.key, front.key.split("_", 3)[3], token]
        for answer in (signed_in, linked):
            secrets += [cookie.partition("=")[2].partition(";")[0] for cookie in answer.cookies]
        assert await server.end() == 0
        events, output = server.log(), server.output()

    assert len(codes) >= 5
    assert not [secret for secret in secrets if secret in output]
    assert not [code for code in codes if re.search(rf"(?<![0-9]){code}(?![0-9])", output)]
    assert "evil" not in output
    assert "\x1b" not in output
    assert {event["event"] for event in events} >= {
        *("signed_in", "sign_in_refused", "signed_out", "origin_refused", "storefront_created"),
    }
    for event in events:
        assert {"event", "level", "timestamp"} <= set(event)
        assert event["level"] in {"debug", "info"}, event
    for event in events:
        if event["event"] in {"signed_in", "sign_in_refused", "signed_out", "origin_refused"}:
            assert event["storefront"] == front.slug
            assert re.fullmatch("[A-Za-z0-9_-]{8,64}", event["request_id"])


async def odd_bytes(url: str) -> None:
    """Send headers of bytes that are no text, where a credential is looked for."""
    host, _, port = url.removeprefix("http://").partition(":")
    for path in (STOREFRONTS, f"{SANDBOX}/mail", f"{AUTH}/me"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
            + b"Authorization: Bearer \xff\xfe\r\nX-Doorward-Key: \xff\r\nCookie: \xff=\xfe\r\n\r\n"
        )
        answer = await reader.read()
        writer.close()
        assert json.loads(answer.partition(b"\r\n\r\n")[2])
        assert answer.split(b" ", 2)[1] in {b"400", b"401"}

import asyncio
import json
import re
from random import Random

import pytest

from tests.http.doors import OPERATOR_KEY, STOREFRONTS, Door
from tests.http.shops import AUTH, SANDBOX, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUESTS = 500
CANARY = b"zzCANARYzz"
GIVEN_AWAY = re.compile(
    rb"traceback|aiohttp|python|redis|msgspec|/work|\.py\b|object at 0x", re.IGNORECASE
)
METHODS = [b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"BREW"]
PATHS = [
    *(f"{AUTH}/{call}" for call in ("request-otp", "verify-otp", "verify-link", "me", "signout")),
    *(STOREFRONTS, f"{STOREFRONTS}/fuzzed", f"{STOREFRONTS}/fuzzed/keys"),
    *(f"{STOREFRONTS}/fuzzed/keys/1", f"{SANDBOX}/mail", f"{SANDBOX}/clock"),
    *("/s/SLUG/account/link", "/dev/mailbox", "/dev/mailbox.json", "/dev/mailbox/1"),
    *("/healthz", "/readyz", "/api/health", "/", "/metrics", "/api/v1/store/auth/login"),
]
VALUES: list[object] = [
    *("", " ", "a@x.io", "SLUG", CANARY.decode(), "000000", "l" + "A" * 43, "é\u202e\u2028"),
    *("a" * 5_000, "'\"<script>", "../../etc/passwd", "{{7*7}}", "%00", "a@x.io\r\nBcc: b@x.io"),
    *(None, True, 0, -1, 1.5, 10**30, [], {}, [[]], {"$ne": None}, ["a@x.io"] * 50),
]
MEMBERS = [
    *("storefrontSlug", "email", "code", "token", "name", "phone", "advanceSeconds", "kind"),
    *("displayName", "published", "origin", "policy", "payment", "branding", "scopes", "sandbox"),
    *("allowedOrigins", "__proto__", "", CANARY.decode()),
]
HEADERS = [
    *(b"Cookie: portal-SLUG=x", b"Cookie: a=1; a=2", b"Cookie: \xff\xfe=\x01", b"Cookie: ;;;="),
    *(b"Origin: null", b"Origin: \xff", b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Site: \xf0"),
    *(b"X-Forwarded-For: 1.2.3.4, \xff", b"X-Forwarded-For: " + b"," * 3_000, b"Accept: \xff/*"),
    *(b"Authorization: Bearer \xff\xfe", b"Authorization: " + CANARY, b"Authorization: Bearer"),
    *(b"X-Doorward-Key: \xff\xfe", b"X-Doorward-Key: " + CANARY, b"X-Doorward-Key:"),
    *(b"X-Request-Id: \xff", b"X-Request-Id: " + CANARY + b"!", b"Host: \xff", b"Host: " + CANARY),
    *(b"Content-Encoding: gzip", b"Expect: 100-continue", b"Expect: " + CANARY, b"Upgrade: h2c"),
    *(b"Range: bytes=0-1", b"If-None-Match: *", b"Transfer-Encoding: identity", b"X: " + CANARY),
    *(b"Connection: upgrade\r\nUpgrade: websocket", b"Content-Type: \xff", b"Folded: a\r\n b"),
]
QUERIES = [
    *(
        "",
        "?",
        "?storefrontSlug=SLUG",
        "?storefrontSlug=%ff%fe",
        "?storefrontSlug=SLUG&x=%ED%A0%80",
    ),
    *("?limit=1", "?limit=%ff", "?limit=0001" + "0" * 5_000, "?cursor=%00", "?after=%ff&to=%ff"),
    *("?token=%ED%A0%80", f"?token={CANARY.decode()}", "?token=a&token=b", "?to=a%0a@x.io", "?%"),
    *("?storefrontSlug=SLUG&storefrontSlug=SLUG", "?storefrontSlug=" + "a" * 4_000, "?;=&&&=%"),
]
SUFFIXES = [*[""] * 12, "/", "//", "/..", "%2f", "%00", "%ff", ";x=1", "%ED%A0%80"]


def body_of(random: Random, slug: str) -> bytes:
    """Make a body: mostly an object of odd members, at times odd bytes."""
    members = {random.choice(MEMBERS): random.choice(VALUES) for _ in range(random.randrange(6))}
    raw = json.dumps({"storefrontSlug": "SLUG", **members}).encode()
    kind = random.random()
    if kind < 0.1:
        raw = random.randbytes(random.randrange(200))
    elif kind < 0.2:
        cut = random.randrange(len(raw))
        raw = raw[:cut] + random.randbytes(2) + raw[cut:]
    return raw.replace(b"SLUG", slug.encode())


def request_of(random: Random, shop: Shop) -> bytes:
    method = random.choice(METHODS)
    target = random.choice(PATHS) + random.choice(SUFFIXES) + random.choice(QUERIES)
    headers = random.sample(HEADERS, random.randrange(4))
    if random.random() < 0.3:
        headers.append(f"Authorization: Bearer {random.choice([OPERATOR_KEY, shop.key])}".encode())
    if not any(header.lower().startswith(b"host") for header in headers):
        headers.append(b"Host: 127.0.0.1")
    raw = body_of(random, shop.slug) if random.random() < 0.8 else b""
    if raw:
        media_type = random.choice([b"application/json"] * 6 + [b"text/plain", CANARY])
        headers += [b"Content-Type: " + media_type, b"Content-Length: %d" % len(raw)]
    head = b"\r\n".join([b"%s %s HTTP/1.1" % (method, target.encode()), *headers])
    return head.replace(b"SLUG", shop.slug.encode()) + b"\r\nConnection: close\r\n\r\n" + raw


async def exchanged(door: Door, request: bytes) -> bytes:
    """Send bytes and return all that comes back until the connection ends."""
    host, _, port = door.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        async with asyncio.timeout(15):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("seed", range(2))
async def test_no_request_breaks_the_server_or_makes_it_talk(shop: Shop, seed: int) -> None:
    random = Random(seed)
    statuses: set[int] = set()
    for _ in range(REQUESTS // 2):
        request = request_of(random, shop)

        answer = await exchanged(shop.door, request)

        final = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        match = re.match(rb"HTTP/1\.[01] (\d{3}) ", final)
        assert match, (request, answer)
        status = int(match[1])
        statuses.add(status)
        assert status < 500, (request, answer)
        assert not GIVEN_AWAY.search(answer), (request, answer)
        if status >= 400:
            assert CANARY not in answer, (request, answer)
    assert statuses >= {200, 400, 401, 404, 405}
    assert shop.door.troubles == []
    assert (await shop.request_code("after@example.org")).status in {200, 429}

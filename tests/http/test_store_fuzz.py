import json
import re
from random import Random

import pytest

from tests.http.doors import Door
from tests.http.placing import place
from tests.http.storefronts_headless import (
    AUTH,
    ME,
    ORIGIN,
    PASSWORD,
    Headless,
    SignedIn,
    open_headless,
)
from tests.http.test_portal_fuzz import CANARY, GIVEN_AWAY, HEADERS, QUERIES, SUFFIXES, exchanged

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUESTS = 400
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
INTROSPECT = "/api/v1/merchant/introspect"
METHODS = ["GET", "POST", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
PATHS = [
    *(f"{AUTH}/{call}" for call in ("signup", "login", "refresh", "logout")),
    *(f"{AUTH}/password/forgot", f"{AUTH}/password/reset", ME, f"{ME}/orders", f"{ME}/orders/ID"),
    *(INTROSPECT, "/.well-known/jwks.json", "/s/SLUG/.well-known/jwks.json", "/s/ID/.well-known/x"),
]
IDS = [
    *("0" * 32, "KS-F", "%ED%A0%80", "%ff%fe", "%00", "%0d%0a", "..", "{x}", "x" * 3_000),
    CANARY.decode(),
]
MEMBERS = ["name", "email", "password", "phoneNumber", "imageUrl", "refreshToken", "token", "id"]
VALUES: list[object] = [
    *("", " ", "a@x.io", "a@x.io\r\nBcc: b@x.io", PASSWORD, "password1", "+62812", "Sari"),
    *("x" * 5_000, "é\u202e\u2028", "e\u0301" * 300, "\t", "https://x.io/a.png", CANARY.decode()),
    *("REFRESH", "ACCESS", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "p" + "0" * 25),
    *(None, True, 0, -1, 1.5, 10**30, [], {}, [[]], {"a": 1}),
]
ORIGINS = [ORIGIN, "null", "https://stranger.example", "\xff", "", "*"]


class Sender:
    """Writes odd requests, most of which are let in."""

    def __init__(self, random: Random, store: Headless, shopper: SignedIn) -> None:
        self.random = random
        self.store = store
        self.shopper = shopper

    def request(self) -> bytes:
        random = self.random
        path = random.choice(PATHS)
        target = path + random.choice(SUFFIXES) + random.choice([*QUERIES, "?limit=5", "?status=x"])
        headers = random.sample(HEADERS, random.randrange(3)) + self._credentials(path)
        if not any(header.lower().startswith(b"host") for header in headers):
            headers.append(b"Host: 127.0.0.1")
        raw = self._body() if random.random() < 0.8 else b""
        if raw:
            headers += [b"Content-Type: application/json", b"Content-Length: %d" % len(raw)]
        line = f"{random.choice(METHODS)} {target} HTTP/1.1".encode()
        head = b"\r\n".join([line, *headers, b"Connection: close", b"", b""])
        return self._filled(head) + raw

    def _credentials(self, path: str) -> list[bytes]:
        random = self.random
        key = f"X-Publishable-Key: {self.store.key}".encode()
        keyed = [key]
        if random.random() < 0.1:
            keyed = random.choice(
                [[], [key, key], [b"X-Sellvik-Key: \xff"], [key, b"X-Sellvik-Key: x"]]
            )
        token = self.store.shop.key if path == INTROSPECT else self.shopper.access
        bearer = [f"Authorization: Bearer {token}".encode()] if random.random() < 0.7 else []
        page = [b"Origin: " + random.choice(ORIGINS).encode("latin-1")]
        device = [b"X-Doorward-Device: " + random.choice([b"\xff", b"x", CANARY])]
        return [
            *keyed,
            *bearer,
            *(page if random.random() < 0.3 else []),
            *(device if random.random() < 0.2 else []),
        ]

    def _body(self) -> bytes:
        random = self.random
        members = {
            random.choice(MEMBERS): random.choice(VALUES) for _ in range(random.randrange(6))
        }
        raw = json.dumps(members).encode()
        raw = raw.replace(b"REFRESH", self.shopper.refresh.encode())
        return raw.replace(b"ACCESS", self.shopper.access.encode())

    def _filled(self, raw: bytes) -> bytes:
        wanted = self.random.choice(IDS).encode()
        return raw.replace(b"SLUG", self.store.shop.slug.encode()).replace(b"/ID", b"/" + wanted)


@pytest.mark.parametrize("seed", range(2))
async def test_no_request_breaks_the_store_surface(door: Door, seed: int) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()
    await place(store.shop, "KS-F")
    sender = Sender(Random(seed), store, shopper)
    statuses: set[int] = set()

    for _ in range(REQUESTS):
        request = sender.request()
        answer = await exchanged(door, request)

        match = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer.removeprefix(CONTINUE))
        assert match, (request, answer)
        statuses.add(int(match[1]))
        assert int(match[1]) < 500, (request, answer)
        assert not GIVEN_AWAY.search(answer), (request, answer)
        if int(match[1]) >= 400:
            assert CANARY not in answer, (request, answer)

    assert {200, 400, 401, 403, 404} <= statuses

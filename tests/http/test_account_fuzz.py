import json
import re
from random import Random

import pytest

from tests.http.accounts import AUTH, CUSTOMER, STATUS, Account, SignedIn, open_account
from tests.http.doors import Door
from tests.http.placing import place
from tests.http.sales import key_with
from tests.http.test_portal_fuzz import CANARY, GIVEN_AWAY, HEADERS, QUERIES, SUFFIXES, exchanged

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUESTS = 400
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MERCHANT = "/api/v1/merchant"
SCOPES = (
    *("orders:read", "orders:write", "returns:operate", "customers:read", "customers:write"),
    *("policy:write", "actions:write"),
)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
PATHS = [
    *(f"{AUTH}/{call}" for call in ("request-link", "request-otp", "verify")),
    *(f"{CUSTOMER}/auth/logout", f"{CUSTOMER}/account/profile", f"{CUSTOMER}/account/addresses"),
    *(f"{CUSTOMER}/account/addresses/ID", f"{CUSTOMER}/account/sessions"),
    *(f"{CUSTOMER}/account/sessions/ID", f"{CUSTOMER}/account/orders"),
    *(f"{CUSTOMER}/account/orders/KS-F", f"{CUSTOMER}/account/orders/ID/returns"),
    *(f"{CUSTOMER}/account/orders/KS-F/return-actions", f"{CUSTOMER}/actions/ID", f"{STATUS}/ID"),
    *(f"{MERCHANT}/returns", f"{MERCHANT}/returns/ID", f"{MERCHANT}/actions"),
    *(f"{MERCHANT}/orders/KS-F/status-link", f"{MERCHANT}/customers", f"{MERCHANT}/customers/ID"),
    *(f"{MERCHANT}/customers/ID/export", f"{MERCHANT}/customers/ID/revoke-sessions"),
    *(f"{MERCHANT}/policy", f"{MERCHANT}/storefront", f"{MERCHANT}/audit"),
]
IDS = [
    *("a" + "0" * 25, "o" + "0" * 25, "f" * 32 + "-1", "00000000-0000-4000-8000-000000000000"),
    *("%ED%A0%80", "%ff%fe", "%00", "%0d%0a", "..", "{x}", "x" * 3_000, CANARY.decode()),
]
MEMBERS = [
    *("email", "code", "token", "name", "phone", "line1", "city", "country", "isDefaultShipping"),
    *("action", "items", "reason", "returnId", "status", "note", "context", "expiresInSeconds"),
    *("mail", "codes", "codes.ttl", "displayName", "payment", "branding", "returnToStoreUrl"),
    *("storefrontSlug", "id", "customerId", "emailVerified", "__proto__", CANARY.decode()),
]
VALUES: list[object] = [
    *("", " ", "a@x.io", "SLUG", "000000", "ID", "start_return", "cancel", "APPROVED", "+62812"),
    *("a" * 5_000, "é\u202e\u2028", "a@x.io\r\nBcc: b@x.io", CANARY.decode(), "https://x.io/"),
    *(None, True, False, 0, -1, 1.5, 10**30, [], {}, [[]], {"ttl": 60}, {"orderNumber": "KS-F"}),
    [{"orderItemId": "1", "quantity": 1}],
    [{"orderItemId": "1", "quantity": 10**30}] * 3,
]


class Sender:
    """Writes odd requests, most of which are let in."""

    def __init__(self, random: Random, account: Account, session: SignedIn, key: str) -> None:
        self.random = random
        self.slug = account.shop.slug
        self.session = session
        self.key = key

    def request(self) -> bytes:
        random = self.random
        path = random.choice(PATHS)
        target = path + random.choice(SUFFIXES) + random.choice(QUERIES)
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
        named = [f"X-Organization-Slug: {self.slug}".encode()]
        if random.random() < 0.1:
            named = random.choice([[], named * 2, [b"X-Organization-Slug: \xff"]])
        token = self.key if path.startswith(MERCHANT) else self.session.token
        bearer = [f"Authorization: Bearer {token}".encode()] if random.random() < 0.7 else []
        cookie = [f"Cookie: {self.session.cookie}".encode()] if random.random() < 0.2 else []
        return [*named, *bearer, *cookie]

    def _body(self) -> bytes:
        random = self.random
        members = {
            random.choice(MEMBERS): random.choice(VALUES) for _ in range(random.randrange(7))
        }
        return json.dumps(members).encode()

    def _filled(self, raw: bytes) -> bytes:
        wanted = self.random.choice(IDS).encode()
        return raw.replace(b"SLUG", self.slug.encode()).replace(b"/ID", b"/" + wanted)


@pytest.mark.parametrize("seed", range(2))
async def test_no_request_breaks_the_account_or_the_merchants_side(door: Door, seed: int) -> None:
    account = await open_account(door)
    session = await account.sign_in()
    await place(account.shop, "KS-F", fulfillment_status="FULFILLED")
    sender = Sender(Random(seed), account, session, await key_with(account.shop, SCOPES))
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

    assert {200, 400, 404} <= statuses

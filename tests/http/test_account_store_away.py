import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.http.accounts import ADDRESSES, AUTH, HOME, PROFILE, SESSIONS, Account, open_account
from tests.http.doors import Setup, opened
from tests.http.knocking import Answer
from tests.http.store_server import StoreServer
from tests.http.test_portal_store_away import until_ready

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def fragile(fragile_store: StoreServer, tmp_path: Path) -> AsyncIterator[Account]:
    async with opened(fragile_store, tmp_path, Setup(lease_seconds=1.0)) as door:
        yield await open_account(door)


async def test_while_the_store_is_away_nobody_is_told_anything(
    fragile: Account, fragile_store: StoreServer
) -> None:
    session = await fragile.sign_in()
    await fragile.request_link("new@x.io")
    code = await fragile.shop.code("new@x.io")
    key = session.by_bearer
    calls: list[tuple[str, str, object]] = [
        ("GET", PROFILE, None),
        ("PATCH", PROFILE, {"name": "Dewi"}),
        ("POST", ADDRESSES, HOME),
        ("GET", SESSIONS, None),
        ("DELETE", SESSIONS, None),
        ("GET", "/account/orders/KS-1", None),
        ("POST", "/account/orders/KS-1/return-actions", {}),
        ("GET", "/actions/a" + "0" * 25, None),
        ("POST", "/actions/a" + "0" * 25, None),
        ("POST", "/auth/logout", None),
        ("POST", f"{AUTH}/request-otp", {"email": "known@x.io"}),
        ("POST", f"{AUTH}/verify", {"email": "new@x.io", "code": code}),
    ]

    def ask(method: str, path: str, body: object) -> Awaitable[Answer]:
        return fragile(method, path, body, key)

    fragile_store.freeze()
    await until_ready(fragile.shop.door, ready=False)
    answers = await asyncio.gather(*(ask(*call) for call in calls))
    fragile_store.thaw()
    await until_ready(fragile.shop.door, ready=True)

    for answer in answers:
        assert (answer.status, answer.body["code"]) == (503, "UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.cookies == []
    assert await fragile.is_signed_in(key)
    assert (await fragile.verify_code(code, email="new@x.io")).status == 200

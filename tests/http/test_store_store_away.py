import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.http.doors import Setup, opened
from tests.http.knocking import bearer
from tests.http.store_server import StoreServer
from tests.http.storefronts_headless import (
    AUTH,
    ME,
    ORIGIN,
    PASSWORD,
    Headless,
    code_of,
    fresh_email,
    open_headless,
)
from tests.http.test_portal_store_away import until_ready

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def fragile(fragile_store: StoreServer, tmp_path: Path) -> AsyncIterator[Headless]:
    async with opened(fragile_store, tmp_path, Setup(lease_seconds=1.0)) as door:
        yield await open_headless(door)


async def test_while_the_store_is_away_nothing_is_decided(
    fragile: Headless, fragile_store: StoreServer
) -> None:
    email = fresh_email()
    shopper = await fragile.signed_up(email)
    calls: list[tuple[str, str, object]] = [
        ("POST", f"{AUTH}/signup", {"name": "S", "email": fresh_email(), "password": PASSWORD}),
        ("POST", f"{AUTH}/login", {"email": email, "password": PASSWORD}),
        ("POST", f"{AUTH}/login", {"email": email, "password": "not the right one"}),
        ("POST", f"{AUTH}/refresh", {"refreshToken": shopper.refresh}),
        ("POST", f"{AUTH}/logout", {"refreshToken": shopper.refresh}),
        ("POST", f"{AUTH}/password/forgot", {"email": email}),
        ("POST", f"{AUTH}/password/reset", {"token": "p" + "0" * 25, "password": PASSWORD}),
        ("GET", ME, None),
        ("PATCH", ME, {"name": "Dewi"}),
        ("GET", f"{ME}/orders", None),
    ]

    fragile_store.freeze()
    await until_ready(fragile.shop.door, ready=False)
    answers = await asyncio.gather(*(fragile(*call, bearer(shopper.access)) for call in calls))
    preflight = await fragile.shop.client("OPTIONS", ME, None, [("Origin", ORIGIN)])
    fragile_store.thaw()
    await until_ready(fragile.shop.door, ready=True)

    for answer in [*answers, preflight]:
        assert code_of(answer) == (503, "overloaded")
        assert int(answer.headers["Retry-After"]) >= 1
    assert (await fragile.me(shopper.access)).status == 200
    assert (await fragile.login(email)).status == 200
    assert (await fragile.refresh(shopper.refresh)).status == 200

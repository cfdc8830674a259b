import pytest_asyncio

from tests.http.pages.reading import Reader
from tests.http.shops import BUYER, Shop


@pytest_asyncio.fixture(loop_scope="session")
async def reader(shop: Shop) -> Reader:
    return Reader(shop.client)


@pytest_asyncio.fixture(loop_scope="session")
async def buyer(shop: Shop) -> Reader:
    """A reader who signed in, with forms alone."""
    reader = Reader(shop.client)
    page = await reader.open(f"/s/{shop.slug}/account/sign-in")
    page = await reader.send(page.form("/sign-in"), email=BUYER)
    page = await reader.send(page.form("/code"), code=await shop.code())
    assert page.status == 200
    return reader

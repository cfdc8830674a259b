"""A storefront's own host under test, and what lies on it."""

from typing import Any

from doorward.actors.messages.merchant_returns import (
    ActionMinted,
    ChangeReturn,
    MintAction,
    MintStatusLink,
    ReturnRead,
    StatusLinkMinted,
)
from tests.http.knocking import Headers
from tests.http.pages.reading import Reader, Shown
from tests.http.shops import BUYER, Shop


def at_own_host(shop: Shop, domain: str = "localhost", headers: Headers = ()) -> Reader:
    """Make a reader of the pages on the storefront's own host."""
    return Reader(shop.client, [("Host", host_of(shop, domain)), *headers])


def host_of(shop: Shop, domain: str = "localhost") -> str:
    return f"{shop.slug}.{domain}:{shop.client.url.rpartition(':')[2]}"


async def sign_in(shop: Shop, reader: Reader, email: str = BUYER) -> Shown:
    """Sign in with the code, with forms alone."""
    page = await reader.open("/account/sign-in")
    page = await reader.send(page.form("/sign-in"), email=email)
    page = await reader.send(page.form("/code"), code=await shop.code(email))
    assert page.status == 200, page.text
    return page


async def mint_status(shop: Shop, number: str) -> str:
    """Mint a status link; returns its path."""
    minted = await shop.door.system.ask(
        shop.slug, MintStatusLink(key_digest=None, order_number=number)
    )
    assert isinstance(minted, StatusLinkMinted), minted
    return f"/order/{minted.token}/status"


async def mint_action(shop: Shop, action: str, context: bytes = b"{}", **more: Any) -> str:  # noqa: ANN401 - any field
    """Mint an action token; returns its path."""
    message = MintAction(key_digest=None, action=action, email=BUYER, context=context, **more)
    minted = await shop.door.system.ask(shop.slug, message)
    assert isinstance(minted, ActionMinted), minted
    return f"/actions/{minted.token}"


async def move_return(shop: Shop, return_id: str, status: str, note: str | None = None) -> None:
    """Move a return on, as its merchant does."""
    message = ChangeReturn(key_digest=None, return_id=return_id, status=status, note=note)
    moved = await shop.door.system.ask(shop.slug, message)
    assert isinstance(moved, ReturnRead), moved

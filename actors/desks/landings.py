"""Where the links of mails about an account lead: to the account's pages, wherever those are.

The account's pages lie on a host that is the storefront's alone, so that its ``__Host-`` cookie is
too (contract §3). Under the one public address of all storefronts there are none.
"""

from typing import Final
from urllib.parse import quote, urlsplit

from doorward.actors.desks.origins import configured_origin
from doorward.actors.messages.envelope import Caller
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

SIGN_IN: Final = "/account/link"
ORDERS: Final = "/account/orders"
ACTIONS: Final = "/actions/"


def account_origin(turn: Turn, storefront: Storefront, caller: Caller | None = None) -> str | None:
    """Tell below which origin the account's pages lie; None when no host is the storefront's own.

    That is the storefront's own origin (its frontend serves these pages) or its hosted one. With
    nothing configured at all it is ``<slug>.localhost``: of what ``caller`` was sent to only scheme
    and port are taken, so that no request header decides where a mail leads.
    """
    if storefront.origin or storefront.hosted_domain or turn.place.hosted_domain:
        return configured_origin(turn, storefront)
    if turn.place.public_url:
        return None
    own = urlsplit((caller.own_origin if caller else None) or turn.place.fallback_origin)
    port = f":{own.port}" if own.port is not None else ""
    return f"{own.scheme}://{turn.slug}.localhost{port}"


def portal_link(slug: str) -> str:
    """Tell the path of the portal's landing page for sign-in links."""
    return f"/s/{slug}/account/link"


def portal_actions(slug: str) -> str:
    """Tell the path of the portal's page for action tokens, up to the token."""
    return f"/s/{slug}/account{ACTIONS}"


def order_page(order_number: str) -> str:
    """Tell the path of the account's page about an order."""
    return f"{ORDERS}/{quote(order_number, safe='')}"

"""Where the hosted pages lie that tokens open."""

from typing import Final

from doorward.actors.desks.landings import account_origin
from doorward.actors.desks.origins import configured_origin
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

NO_PAGE: Final = "the storefront has no page that a mail could lead to"


def url(turn: Turn, storefront: Storefront, path: str) -> str:
    """Tell the whole URL of a page; where none is reachable, what it would be if one were."""
    origin = account_origin(turn, storefront) or configured_origin(turn, storefront)
    return f"{origin or turn.place.fallback_origin}{path}"


def status_path(token: str) -> str:
    """Tell the path of the page that shows an order's status."""
    return f"/order/{token}/status"


def action_path(token: str) -> str:
    """Tell the path of the page that acts with an action token."""
    return f"/actions/{token}"

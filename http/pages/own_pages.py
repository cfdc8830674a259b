"""The pages of a storefront's own host, ``<slug>.<hosted domain>``: their paths and methods."""

from collections.abc import Mapping
from typing import Final

from doorward.http.pages import (
    account,
    own_account,
    own_addresses,
    own_orders,
    own_tokens,
    sign_in,
)
from doorward.http.pages.visits import OWN_HOME, Handler

_ADDRESSES: Final = f"{OWN_HOME}/addresses"
_SESSIONS: Final = f"{OWN_HOME}/sessions"
_ORDER: Final = f"{OWN_HOME}/orders/{{number:[^/]+}}"
_PATHS: Final[Mapping[str, Mapping[str, Handler]]] = {
    OWN_HOME: {"GET": own_account.show_overview},
    f"{OWN_HOME}/sign-in": {"GET": sign_in.show, "POST": sign_in.send_code},
    f"{OWN_HOME}/sign-in/code": {"GET": sign_in.start_over, "POST": sign_in.enter_code},
    f"{OWN_HOME}/link": {"GET": sign_in.show_link, "POST": sign_in.use_link},
    f"{OWN_HOME}/sign-out": {"GET": account.front_door, "POST": account.sign_out},
    f"{OWN_HOME}/profile": {
        "GET": own_account.show_profile,
        "POST": own_account.change_profile,
    },
    _SESSIONS: {"GET": own_account.show_sessions},
    f"{_SESSIONS}/end-others": {
        "GET": own_account.back_to_sessions,
        "POST": own_account.end_others,
    },
    f"{_SESSIONS}/{{id}}/end": {
        "GET": own_account.back_to_sessions,
        "POST": own_account.end_session,
    },
    _ADDRESSES: {"GET": own_addresses.show_all},
    f"{_ADDRESSES}/new": {"GET": own_addresses.show_new, "POST": own_addresses.add},
    f"{_ADDRESSES}/{{id}}": {"GET": own_addresses.show, "POST": own_addresses.change},
    f"{_ADDRESSES}/{{id}}/delete": {
        "GET": own_addresses.back_to_address,
        "POST": own_addresses.remove,
    },
    f"{OWN_HOME}/orders": {"GET": own_orders.show_all},
    _ORDER: {"GET": own_orders.show},
    f"{_ORDER}/returns": {"GET": own_orders.back_to_order, "POST": own_orders.start_return},
    f"{_ORDER}/returns/{{id}}/cancel": {
        "GET": own_orders.back_to_order,
        "POST": own_orders.cancel_return,
    },
    "/order/{token}/status": {"GET": own_tokens.show_status},
    "/actions/{token}": {"GET": own_tokens.preview, "POST": own_tokens.act},
}
OWN_PAGES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/": {"GET": account.front_door},
    **{path + end: handlers for path, handlers in _PATHS.items() for end in ("", "/")},
    **{f"{path}/{{path:.*}}": {} for path in (OWN_HOME, "/order", "/actions")},
}
"""By path; all else below them is a page's 404, and what lies elsewhere is not theirs."""

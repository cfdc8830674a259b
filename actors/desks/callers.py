"""Who a request counts for: the CSRF rule's last word, and addresses a shop's server asserts."""

import msgspec

from doorward.actors.desks.keys import holds_secret_key
from doorward.actors.desks.origins import configured_origin
from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.refusals import KeyRefused, OriginRefused
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn


def admitted(
    turn: Turn, storefront: Storefront, caller: Caller
) -> Caller | OriginRefused | KeyRefused:
    """Hold a caller to the storefront's rules; return it with the address it counts for.

    A server that renders a shop calls for many shoppers from one address. With one of the
    storefront's secret keys it may say whose address counts; with any other key it is refused
    rather than counted for an address it chose.
    """
    if caller.origin is not None and caller.origin != configured_origin(turn, storefront, caller):
        turn.note("origin_refused", request_id=caller.request_id)
        return OriginRefused()
    if caller.key_digest is None:
        return caller
    if not holds_secret_key(turn, caller.key_digest):
        return KeyRefused()
    return msgspec.structs.replace(caller, address=caller.asserted_address or caller.address)

"""Telling the holder of a secret key whether a shopper's token is good now (RFC 7662).

Asking changes nothing: a token that was exchanged is not good, but asking about it accuses nobody.
"""

from doorward.actors.desks import families, shoppers
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.store import Claims, Introspect, Introspected
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn


@keyed(None)
def introspect(turn: Turn, storefront: Storefront, message: Introspect) -> Outcome:
    """Tell whether a token would open something here now, and what it says if so."""
    claims = message.claims
    if claims is None or not _is_good(turn, storefront, claims):
        return Introspected(active=False)
    return Introspected(active=True, claims=claims)


def _is_good(turn: Turn, storefront: Storefront, claims: Claims) -> bool:
    """Tell whether an access token opens its customer, or a refresh token can be exchanged."""
    if claims.typ == "access":
        return isinstance(shoppers.holder(turn, storefront, claims), Customer)
    return isinstance(families.exchangeable(turn, storefront, claims), families.Held)

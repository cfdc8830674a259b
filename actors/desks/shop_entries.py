"""Letting in who knows a password: a fresh family of tokens, and a device that is known now.

What proves a mailbox lets in elsewhere (``sign_ins``); a password proves none.
"""

from typing import Final

from msgspec.structs import replace

from doorward.actors.desks import devices, families, shoppers, store_mails
from doorward.actors.desks.origins import is_secure
from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.store import StoreSignedIn
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import HOUR_MS, Turn, policy_of
from doorward.config.policy import Policy

NEW_DEVICE_MAILS: Final = 3
"""In an hour: frontends that keep no device sign in from a new one every time."""


def let_in(  # noqa: PLR0913 - who is let in, and with what
    turn: Turn,
    storefront: Storefront,
    customer: Customer,
    *,
    caller: Caller,
    device: str | None,
    created: bool = False,
) -> StoreSignedIn:
    """Stage the customer with a fresh family, and the mail about a device that is not known.

    Args:
        turn: The turn that does it.
        storefront: Whose customer it is.
        customer: As it is to be kept, but for what is added here.
        caller: Who signs in; their language is the customer's from now on.
        device: The SHA-256 of the secret of the device that came, if one did.
        created: Whether they have just signed up.

    Raises:
        Miss: When records are not in memory.
    """
    policy, known = policy_of(storefront), customer
    if caller.locale:
        customer = replace(customer, locale=caller.locale)
    customer, pair = families.started(turn, storefront, customer, caller=caller)
    customer, secret = devices.kept_or_minted(turn, customer, device, policy)
    if secret is not None and _is_worth_a_mail(turn, known, policy):
        store_mails.new_device(turn, storefront, customer, caller)
    turn.ledger.put(customer, customer.id)
    turn.note("signed_in", customer=customer.id, request_id=caller.request_id)
    return StoreSignedIn(
        shopper=shoppers.view(customer),
        tokens=pair,
        device_secret=secret,
        device_ttl_seconds=policy.devices.ttl,
        secure=is_secure(turn, storefront, caller),
        created=created,
    )


def _is_worth_a_mail(turn: Turn, customer: Customer, policy: Policy) -> bool:
    """Tell whether a new device is news: not the first ever, and not one of many at once.

    Nor may whoever signed up with somebody else's email have that mailbox filled by signing in.
    """
    since_ms = turn.now_ms + policy.devices.ttl * 1000 - HOUR_MS
    lately = sum(device.expires_at_ms > since_ms for device in customer.devices)
    bound = min(NEW_DEVICE_MAILS, policy.devices.per_customer)
    return bool(customer.devices or customer.sessions) and lately < bound

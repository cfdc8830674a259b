"""The customer's own record on the store surface, opened by an access token (contract §4).

An access token is good until its expiry, whatever becomes of its family: logging out does not
reach it. Two things do: its customer is erased, or somebody else proved the mailbox and took the
customer over. A family's id begins with how often that had happened, and so tells.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from doorward.actors.desks.store_keys import store_keyed
from doorward.actors.desks.text_rules import (
    LINE_LENGTH,
    LINE_RULE,
    PHONE_RULE,
    is_line,
    is_phone,
    is_url,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.store import (
    ChangeShopper,
    Claims,
    Issue,
    Issues,
    ReadShopper,
    Reason,
    Shopper,
    ShopperCall,
    ShopperView,
    TokenRefused,
)
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

Q = TypeVar("Q", bound=ShopperCall)

IMAGE_URL_LENGTH: Final = 2_048
IMAGE_URL_RULE: Final = f"must be an https URL of at most {IMAGE_URL_LENGTH} characters"


def view(customer: Customer) -> ShopperView:
    """Show a customer as the store surface does."""
    return ShopperView(
        id=customer.id,
        name=customer.name,
        email=customer.email,
        phone=customer.phone,
        image_url=customer.image_url,
        created_at_ms=customer.created_at_ms,
    )


def holder(turn: Turn, storefront: Storefront, claims: Claims | None) -> Customer | Reason:
    """Find whose access token this is, or tell why it opens nothing: ``invalid`` or ``expired``.

    A customer who is gone makes it invalid: no exchange brings a better one.

    Raises:
        Miss: When the customer's record is not in memory.
    """
    if claims is None or claims.typ != "access" or claims.life != storefront.life(turn.slug):
        return "invalid"
    if turn.now_ms >= claims.expires_at * 1000:
        return "expired"
    customer = turn.ledger.get(Customer, claims.subject)
    if customer is None or claims.family.partition("-")[0] != str(customer.reclaimed):
        return "invalid"
    return customer


def shopping(
    desk: Callable[[Turn, Customer, Q], Outcome],
) -> Callable[[Turn, Q], Outcome]:
    """Make a desk of one that decides once it is known whose access token it is."""

    @store_keyed
    def decided(turn: Turn, storefront: Storefront, message: Any) -> Outcome:  # noqa: ANN401 - a Q
        customer = holder(turn, storefront, message.claims)
        if not isinstance(customer, Customer):
            return TokenRefused(reason=customer)
        return desk(turn, customer, message)

    decided.__doc__ = desk.__doc__
    return decided


@shopping
def read_shopper(_turn: Turn, customer: Customer, _message: ReadShopper) -> Outcome:
    """Read the customer's own record."""
    return Shopper(shopper=view(customer))


@shopping
def change_shopper(turn: Turn, customer: Customer, message: ChangeShopper) -> Outcome:
    """Change name, phone or picture; None clears, unset leaves, any fault changes nothing."""
    issues = _issues(message)
    if issues:
        return Issues(issues=issues)
    after = replace(
        customer,
        name=_either(message.name, customer.name),
        phone=_either(message.phone, customer.phone),
        image_url=_either(message.image_url, customer.image_url),
    )
    if after != customer:
        turn.ledger.put(after, after.id)
    return Shopper(shopper=view(after))


def _issues(message: ChangeShopper) -> tuple[Issue, ...]:
    """Find all that is wrong, by the names of the body's members."""
    checks = (
        ("name", message.name, is_line, LINE_RULE.format(LINE_LENGTH)),
        ("phoneNumber", message.phone, is_phone, PHONE_RULE),
        ("imageUrl", message.image_url, _is_image_url, IMAGE_URL_RULE),
    )
    return tuple(
        Issue(path=(name,), message=rule)
        for name, value, is_good, rule in checks
        if isinstance(value, str) and not is_good(value)
    )


def _is_image_url(text: str) -> bool:
    return is_url(text, "https", longest=IMAGE_URL_LENGTH)


def _either(wanted: str | UnsetType | None, known: str | None) -> str | None:
    return known if wanted is UNSET else wanted

"""The merchant surface's own storefront: read whole, changed in part (contract §5, §7)."""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_settings import (
    ChangeOwnStorefront,
    OwnStorefront,
    ReadOwnStorefront,
    StorefrontChanges,
)
from doorward.http import timestamps
from doorward.http.calls import Call
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.merchant_keys import Holder, keyed, refused, standing_of
from doorward.http.surfaces.operator import PaymentBody, payment_of, set_up

PREFIX: Final = "/api/v1/merchant/storefront"


class BrandingChanges(msgspec.Struct, rename="camel"):
    """Looks, on the wire; unset leaves, null clears."""

    accent: str | UnsetType | None = UNSET
    logo_url: str | UnsetType | None = UNSET


class StorefrontBody(msgspec.Struct, rename="camel"):
    """Body of ``PATCH``: whatever else it has is the operator's to change, and not looked at."""

    display_name: str | UnsetType = UNSET
    payment: PaymentBody | UnsetType | None = UNSET
    return_to_store_url: str | UnsetType | None = UNSET
    branding: BrandingChanges | UnsetType | None = UNSET
    locale: str | UnsetType = UNSET


async def read_storefront(_call: Call, holder: Holder) -> Reply | Failure:
    """Read how the storefront is set up."""
    return _found(await holder.ask(ReadOwnStorefront(key_digest=holder.key_digest)))


async def change_storefront(call: Call, holder: Holder) -> Reply | Failure:
    """Change what the body names; all of it or nothing."""
    changes = _changes(await call.body(StorefrontBody))
    message = ChangeOwnStorefront(key_digest=holder.key_digest, changes=changes)
    return _found(await holder.ask(message))


def _changes(body: StorefrontBody) -> StorefrontChanges:
    branding = BrandingChanges() if body.branding is UNSET else body.branding
    if branding is None:
        branding = BrandingChanges(accent=None, logo_url=None)
    return StorefrontChanges(
        display_name=body.display_name,
        payment=UNSET if body.payment is UNSET else payment_of(body.payment),
        return_to_store_url=body.return_to_store_url,
        accent=branding.accent,
        logo_url=branding.logo_url,
        locale=body.locale,
    )


def _found(outcome: Outcome) -> Reply | Failure:
    if not isinstance(outcome, OwnStorefront):
        return refused(outcome)
    shown = {
        "slug": outcome.slug,
        **set_up(outcome.document),
        "sandbox": bool(outcome.document.sandbox),
        "createdAt": timestamps.iso(outcome.created_at_ms),
        "updatedAt": timestamps.iso(outcome.updated_at_ms),
    }
    return Reply(200, shown, standing_of(outcome))


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", PREFIX, keyed(read_storefront)),
    ("PATCH", PREFIX, keyed(change_storefront)),
)

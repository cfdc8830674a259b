"""The operator surface: storefronts and their keys (contract §6)."""

import asyncio
import hmac
import re
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from doorward.actors.locales import AUTO
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.operator import (
    AddKey,
    GetStorefront,
    KeyList,
    KeyMade,
    KeyView,
    ListKeys,
    PutStorefront,
    RevokeKey,
    StorefrontDocument,
    StorefrontView,
)
from doorward.actors.messages.refusals import Conflict, Deleted, Invalid, NotFound
from doorward.actors.partitions import is_slug
from doorward.actors.records.storefronts import BankAccount, Payment
from doorward.http import timestamps
from doorward.http.calls import Call, Malformed
from doorward.http.downloads import Download
from doorward.http.replies import KEY_REQUIRED, Failure, Reply
from doorward.http.surface import Handler, Surface
from doorward.http.system import System

PREFIX: Final = "/api/v1/operator"
PAGE: Final = 20
PAGE_MAX: Final = 100
_WHOLE: Final = re.compile(r"[1-9][0-9]*", re.ASCII)
OPERATOR: Final = Surface()


class BankAccountBody(msgspec.Struct, rename="camel"):
    """A bank account on the wire."""

    bank_name: str
    account_number: str
    account_holder: str


class PaymentBody(msgspec.Struct, rename="camel"):
    """How to pay, on the wire."""

    bank_accounts: tuple[BankAccountBody, ...] = ()
    instructions: str | None = None
    whatsapp_number: str | None = None


class BrandingBody(msgspec.Struct, rename="camel"):
    """Looks, on the wire."""

    accent: str | None = None
    logo_url: str | None = None


class StorefrontBody(msgspec.Struct, rename="camel"):
    """A storefront on the wire."""

    display_name: str
    published: bool = False
    origin: str | None = None
    hosted_domain: str | None = None
    headless: bool = False
    allowed_origins: tuple[str, ...] = ()
    payment: PaymentBody | None = None
    return_to_store_url: str | None = None
    branding: BrandingBody | None = None
    policy: dict[str, Any] | None = None
    sandbox: bool | None = None
    locale: str = AUTO


class KeyBody(msgspec.Struct, rename="camel"):
    """A key to be made, on the wire."""

    kind: Literal["publishable", "secret"]
    name: str
    scopes: tuple[str, ...] = ()


def guarded(operator_key: str) -> Callable[[Handler], Handler]:
    """Make a guard that lets only bearers of the operator key through."""
    expected = operator_key.encode()

    def guard(handler: Handler) -> Handler:
        async def checked(call: Call, system: System) -> Reply | Failure | Download:
            if not hmac.compare_digest(bearer(call).encode(), expected):
                return KEY_REQUIRED
            return await handler(call, system)

        return checked

    return guard


def bearer(call: Call) -> str:
    """Read the bearer credential, ASCII as RFC 6750 §2.1 has it; empty when there is none.

    Two are none, and so is one with bytes that are no text (aiohttp hands those on as surrogates).
    """
    given = call.request.headers.getall("Authorization", [])
    scheme, _, key = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return key.strip() if scheme.lower() == "bearer" and key.isascii() else ""


async def put_storefront(call: Call, system: System) -> Reply | Failure:
    """Create a storefront, or replace it."""
    body = await call.body(StorefrontBody)
    outcome = await _ask(call, system, lambda: PutStorefront(document=_document(body)))
    if isinstance(outcome, StorefrontView):
        return Reply(201 if outcome.created else 200, _storefront(outcome))
    return refused(outcome)


async def get_storefront(call: Call, system: System) -> Reply | Failure:
    """Read a storefront."""
    outcome = await _ask(call, system, GetStorefront)
    if isinstance(outcome, StorefrontView):
        return Reply(200, _storefront(outcome))
    return refused(outcome)


async def delete_storefront(call: Call, system: System) -> Reply | Failure:
    """Close a storefront and erase everything it had."""
    slug = call.request.match_info["slug"]
    outcome = await system.erase(slug) if is_slug(slug) else NotFound()
    return Reply(204, None) if isinstance(outcome, Deleted) else refused(outcome)


async def list_storefronts(call: Call, system: System) -> Reply | Failure:
    """List storefronts by slug."""
    limit, cursor = page_of(call)
    slugs = await system.roster(cursor, limit + 1)
    views = await asyncio.gather(*(system.ask(slug, GetStorefront()) for slug in slugs[:limit]))
    items = [_storefront(view) for view in views if isinstance(view, StorefrontView)]
    return Reply(
        200, {"items": items, "nextCursor": slugs[limit - 1] if len(slugs) > limit else None}
    )


async def add_key(call: Call, system: System) -> Reply | Failure:
    """Make an API key; its secret is in this answer and nowhere else."""
    body = await call.body(KeyBody)
    outcome = await _ask(
        call, system, lambda: AddKey(key_kind=body.kind, name=body.name, scopes=body.scopes)
    )
    if isinstance(outcome, KeyMade):
        return Reply(201, {**_key(outcome.key), "key": outcome.secret})
    return refused(outcome)


async def list_keys(call: Call, system: System) -> Reply | Failure:
    """List API keys without what they open."""
    outcome = await _ask(call, system, ListKeys)
    if isinstance(outcome, KeyList):
        return Reply(200, {"items": [_key(key) for key in outcome.keys], "nextCursor": None})
    return refused(outcome)


async def revoke_key(call: Call, system: System) -> Reply | Failure:
    """End an API key."""
    outcome = await _ask(call, system, lambda: RevokeKey(key_id=call.request.match_info["id"]))
    return Reply(204, None) if isinstance(outcome, Deleted) else refused(outcome)


def refused(outcome: Outcome) -> Failure:
    """Put an expected refusal into this surface's words."""
    if isinstance(outcome, Invalid):
        return Failure(400, "VALIDATION_ERROR", f"{outcome.name} {outcome.rule}.", outcome.name)
    if isinstance(outcome, Conflict):
        return Failure(409, "CONFLICT", f"{outcome.reason}.")
    if isinstance(outcome, NotFound):
        return Failure(404, "NOT_FOUND", "There is no such thing here.")
    raise TypeError(type(outcome).__name__)


def page_of(call: Call) -> tuple[int, str]:
    """Read ``limit`` (1–100, else 20) and ``cursor`` (a slug, else the beginning).

    Raises:
        Malformed: When either is not of its form.
    """
    cursor = call.query("cursor") or ""
    if cursor and not is_slug(cursor):
        raise Malformed("cursor", "must be a cursor from an earlier answer")
    return limit_of(call, usual=PAGE, at_most=PAGE_MAX), cursor


def limit_of(call: Call, *, usual: int, at_most: int) -> int:
    """Read ``limit``: a whole number from 1, without leading zeros.

    Raises:
        Malformed: When it is anything else.
    """
    limit = call.query("limit")
    if limit is None:
        return usual
    # Its length first: Python refuses to turn thousands of digits into a number.
    if len(limit) > len(str(at_most)) or not _WHOLE.fullmatch(limit) or int(limit) > at_most:
        raise Malformed("limit", f"must be 1 to {at_most}")
    return int(limit)


async def _ask(call: Call, system: System, message: Callable[[], Any]) -> Outcome:
    slug = call.request.match_info["slug"]
    return await system.ask(slug, message()) if is_slug(slug) else NotFound()


def _document(body: StorefrontBody) -> StorefrontDocument:
    branding = body.branding or BrandingBody()
    return StorefrontDocument(
        display_name=body.display_name,
        published=body.published,
        origin=body.origin,
        hosted_domain=body.hosted_domain,
        headless=body.headless,
        allowed_origins=body.allowed_origins,
        payment=payment_of(body.payment),
        return_to_store_url=body.return_to_store_url,
        accent=branding.accent,
        logo_url=branding.logo_url,
        policy=msgspec.json.encode(body.policy or {}),
        sandbox=body.sandbox,
        locale=body.locale,
    )


def payment_of(body: PaymentBody | None) -> Payment | None:
    """Read how to pay."""
    if body is None:
        return None
    accounts = tuple(
        BankAccount(account.bank_name, account.account_number, account.account_holder)
        for account in body.bank_accounts
    )
    return Payment(accounts, body.instructions, body.whatsapp_number)


def _storefront(view: StorefrontView) -> dict[str, Any]:
    return {
        "slug": view.slug,
        **set_up(view.document),
        "policy": msgspec.json.decode(view.document.policy),
        "sandbox": bool(view.document.sandbox),
        "createdAt": timestamps.iso(view.created_at_ms),
        "updatedAt": timestamps.iso(view.updated_at_ms),
    }


def set_up(document: StorefrontDocument) -> dict[str, Any]:
    """Show how a storefront is set up, but for its policy."""
    return {
        "displayName": document.display_name,
        "published": document.published,
        "origin": document.origin,
        "hostedDomain": document.hosted_domain,
        "headless": document.headless,
        "allowedOrigins": document.allowed_origins,
        "payment": payment_view(document.payment),
        "returnToStoreUrl": document.return_to_store_url,
        "branding": {"accent": document.accent, "logoUrl": document.logo_url},
        "locale": document.locale,
    }


def payment_view(payment: Payment | None) -> dict[str, Any] | None:
    """Show how to pay."""
    if payment is None:
        return None
    return {
        "bankAccounts": [
            {
                "bankName": account.bank_name,
                "accountNumber": account.account_number,
                "accountHolder": account.account_holder,
            }
            for account in payment.bank_accounts
        ],
        "instructions": payment.instructions,
        "whatsappNumber": payment.whatsapp_number,
    }


def _key(key: KeyView) -> dict[str, Any]:
    return {
        "id": key.id,
        "kind": key.key_kind,
        "name": key.name,
        "scopes": key.scopes,
        "createdAt": timestamps.iso(key.created_at_ms),
    }


_ONE: Final = f"{PREFIX}/storefronts/{{slug}}"
ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", f"{PREFIX}/storefronts", list_storefronts),
    ("PUT", _ONE, put_storefront),
    ("GET", _ONE, get_storefront),
    ("DELETE", _ONE, delete_storefront),
    ("POST", f"{_ONE}/keys", add_key),
    ("GET", f"{_ONE}/keys", list_keys),
    ("DELETE", f"{_ONE}/keys/{{id}}", revoke_key),
)

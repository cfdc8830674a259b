"""Storefronts: set up by an operator, closed for good in two steps.

Closing marks the storefront at once (it answers 404 from then on) and its records are erased in
chunks afterwards; the slug is free again when the last chunk is gone. A crash between leaves the
mark, and asking to delete again goes on where it stopped.
"""

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

from doorward.actors.desks import allowed_origins, keys, order_access
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.desks.origins import configured_origin
from doorward.actors.desks.text_rules import is_block, is_line, is_url
from doorward.actors.locales import AUTO, LANGUAGES
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.operator import (
    DeleteStorefront,
    EraseRecords,
    GetStorefront,
    PutStorefront,
    StorefrontDocument,
    StorefrontView,
)
from doorward.actors.messages.refusals import Conflict, Deleted, Invalid, NotFound
from doorward.actors.messages.sandbox import AdvanceClock, ClockNow
from doorward.actors.messages.sign_in import Front, ReadFront
from doorward.actors.records.orders import Order
from doorward.actors.records.storefronts import Branding, Payment, Storefront
from doorward.actors.turns import Turn, policy_of
from doorward.config.errors import ConfigurationError
from doorward.config.policy import apply

_BIRTH_BYTES: Final = 8
_ORDERS: Final = f"{Order.kind}:"
LOCALES: Final = (AUTO, *LANGUAGES)
_ACCENT: Final = re.compile(r"#[0-9a-fA-F]{6}")
_HOST: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ORIGINS: Final = 100
_CLOCK_LIMIT_MS: Final = 10 * 366 * 86_400_000


def put_storefront(turn: Turn, message: PutStorefront) -> Outcome:
    """Create a storefront, or replace what its operator may set; what is left out is reset."""
    known = turn.ledger.get(Storefront)
    if known is not None and known.erasing:
        return Conflict(reason="the storefront is still being erased; repeat the DELETE")
    document = message.document
    if invalid := fault(document):
        return invalid
    if known is not None and document.sandbox not in {None, known.sandbox}:
        return Conflict(reason="sandbox is decided when a storefront is created")
    try:
        policy = apply({}, msgspec.json.decode(document.policy, type=dict[str, object]))
    except ConfigurationError as error:
        return Invalid(name=f"policy.{error.name}", rule=error.rule)
    changed = _changed(turn, known, document, msgspec.json.encode(policy, order="sorted"))
    before = known.allowed_origins if known else ()
    allowed_origins.keep(turn, before, changed.allowed_origins)
    turn.ledger.put(changed)
    turn.ledger.listed = True
    turn.note("storefront_created" if known is None else "storefront_changed")
    return view(turn.slug, changed, created=known is None)


def get_storefront(turn: Turn, _message: GetStorefront) -> Outcome:
    """Read a storefront as its operator set it up."""
    known = turn.storefront()
    return NotFound() if known is None else view(turn.slug, known, created=False)


def read_front(turn: Turn, _message: ReadFront) -> Outcome:
    """Read what the public sees of a published storefront."""
    known = turn.published()
    if known is None:
        return NotFound()
    return front_of(turn, known)


def front_of(turn: Turn, storefront: Storefront) -> Front:
    """Show a storefront as its pages do."""
    return Front(
        slug=turn.slug,
        display_name=storefront.display_name,
        accent=storefront.branding.accent,
        logo_url=storefront.branding.logo_url,
        return_to_store_url=storefront.return_to_store_url,
        locale=storefront.locale,
        secure=(configured_origin(turn, storefront) or "").startswith("https://"),
        code_ttl_seconds=policy_of(storefront).codes.ttl,
    )


def delete_storefront(turn: Turn, _message: DeleteStorefront) -> Outcome:
    """Close a storefront: from now on it answers nobody."""
    known = turn.ledger.get(Storefront)
    if known is None:
        return NotFound()
    if not known.erasing:
        allowed_origins.keep(turn, known.allowed_origins, ())
        turn.ledger.put(msgspec.structs.replace(known, erasing=True, published=False))
        keys.forget_owners(turn)
        turn.ledger.delisted = True
        turn.note("storefront_closed")
    return Deleted()


def erase_records(turn: Turn, message: EraseRecords) -> Outcome:
    """Erase a closed storefront's records; with ``last`` its own, which frees the slug.

    What finds an order by its access token lies in the partition's shared records, where nobody
    could tell it from others'; it goes in the same turn as the order that knows its name.
    """
    known = turn.ledger.get(Storefront)
    if known is None or not known.erasing:
        return NotFound()
    orders = [name.partition(":")[2] for name in message.names if name.startswith(_ORDERS)]
    turn.ledger.need(*((Order, order_id) for order_id in orders))
    for order_id in orders:
        order_access.forget(turn, order_id)
    for name in message.names:
        if name != f"{Storefront.kind}:":
            turn.ledger.delete_named(name)
    if message.last:
        turn.ledger.delete(Storefront)
        turn.note("storefront_erased")
    return Deleted()


@keyed(None)
def advance_clock(turn: Turn, known: Storefront, message: AdvanceClock) -> Outcome:
    """Move a sandbox storefront's own clock forward; it never goes back."""
    if not known.sandbox:
        return NotFound()
    ahead_ms = known.clock_ahead_ms + message.advance_ms
    if message.advance_ms < 0 or ahead_ms > _CLOCK_LIMIT_MS:
        return Invalid(name="advanceSeconds", rule="must be 0 or more, ten years in all at most")
    turn.ledger.put(msgspec.structs.replace(known, clock_ahead_ms=ahead_ms))
    return ClockNow(now_ms=turn.store_ms + ahead_ms)


def _changed(
    turn: Turn, known: Storefront | None, document: StorefrontDocument, policy: bytes
) -> Storefront:
    payment = document.payment
    return Storefront(
        birth=known.birth if known else turn.random(_BIRTH_BYTES).hex(),
        display_name=document.display_name,
        published=document.published,
        created_at_ms=known.created_at_ms if known else turn.store_ms,
        updated_at_ms=turn.store_ms,
        origin=document.origin,
        hosted_domain=document.hosted_domain,
        headless=document.headless,
        allowed_origins=document.allowed_origins,
        payment=payment,
        return_to_store_url=document.return_to_store_url,
        branding=Branding(accent=document.accent, logo_url=document.logo_url),
        policy=policy,
        sandbox=known.sandbox if known else bool(document.sandbox),
        clock_ahead_ms=known.clock_ahead_ms if known else 0,
        locale=document.locale,
    )


def view(slug: str, known: Storefront, *, created: bool) -> StorefrontView:
    """Show a storefront as its operator reads it."""
    return StorefrontView(
        slug=slug,
        document=StorefrontDocument(
            display_name=known.display_name,
            published=known.published,
            origin=known.origin,
            hosted_domain=known.hosted_domain,
            headless=known.headless,
            allowed_origins=known.allowed_origins,
            payment=known.payment,
            return_to_store_url=known.return_to_store_url,
            accent=known.branding.accent,
            logo_url=known.branding.logo_url,
            policy=known.policy,
            sandbox=known.sandbox,
            locale=known.locale,
        ),
        created_at_ms=known.created_at_ms,
        updated_at_ms=known.updated_at_ms,
        created=created,
    )


def fault(document: StorefrontDocument) -> Invalid | None:
    """Find the first value that breaks a rule."""
    checks: tuple[tuple[str, bool, str], ...] = (
        (
            "displayName",
            _is_line(document.display_name),
            "must be 1 to 100 characters without control characters",
        ),
        (
            "origin",
            document.origin is None or is_origin(document.origin),
            "must be scheme://host[:port] with http or https and nothing after it",
        ),
        ("locale", document.locale in LOCALES, f"must be one of {', '.join(LOCALES)}"),
        (
            "hostedDomain",
            document.hosted_domain is None or _HOST.fullmatch(document.hosted_domain) is not None,
            "must be a lower-case host name",
        ),
        (
            "allowedOrigins",
            len(document.allowed_origins) <= _ORIGINS
            and all(is_origin(origin) for origin in document.allowed_origins),
            f"must be at most {_ORIGINS} origins of the form scheme://host[:port]",
        ),
        (
            "returnToStoreUrl",
            document.return_to_store_url is None or _is_web_url(document.return_to_store_url),
            "must be an http or https URL",
        ),
        (
            "branding.accent",
            document.accent is None or _ACCENT.fullmatch(document.accent) is not None,
            "must be a colour like #2f6f4f",
        ),
        (
            "branding.logoUrl",
            document.logo_url is None or is_url(document.logo_url, "https"),
            "must be an https URL",
        ),
        (
            "payment",
            _is_payment(document.payment),
            "must be lines of 1 to 500 characters, instructions of at most 4000",
        ),
    )
    return next((Invalid(name=name, rule=rule) for name, sound, rule in checks if not sound), None)


def is_origin(text: str) -> bool:
    """Tell whether this is a web origin as browsers send it: lower case, no path, no userinfo."""
    scheme, separator, authority = text.partition("://")
    host, colon, port = authority.partition(":")
    return (
        bool(separator)
        and scheme in {"http", "https"}
        and _HOST.fullmatch(host) is not None
        and (not colon or (port.isdecimal() and 0 < int(port) <= 65_535))  # noqa: PLR2004 - ports
    )


def _is_web_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not _CONTROL.search(text)


def _is_line(text: str) -> bool:
    return 1 <= len(text) <= 100 and bool(text.strip()) and not _CONTROL.search(text)  # noqa: PLR2004 - contract §1, names


def _is_payment(payment: Payment | None) -> bool:
    if payment is None:
        return True
    texts = [payment.whatsapp_number] if payment.whatsapp_number else []
    for account in payment.bank_accounts:
        texts += [account.bank_name, account.account_number, account.account_holder]
    return (
        len(payment.bank_accounts) <= 10  # noqa: PLR2004 - more is no choice
        and (not payment.instructions or is_block(payment.instructions))
        and all(is_line(text, 500) for text in texts)
    )

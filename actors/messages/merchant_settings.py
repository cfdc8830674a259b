"""What a merchant's backend asks about its storefront's set-up and its audit log (contract §5, §7).

As in ``messages.merchant``: ``key_digest`` is the SHA-256 of its secret key, None is the operator.
"""

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.operator import StorefrontDocument
from doorward.actors.records.audit import AuditEntry
from doorward.actors.records.storefronts import Payment
from doorward.actors.windows import Standing


class ReadPolicy(Request, frozen=True, kw_only=True):
    """Read the effective policy, every field of it."""

    key_digest: str | None


class ChangePolicy(Request, frozen=True, kw_only=True):
    """Change some of the policy.

    ``patch`` is a JSON object as it was sent: nested, dotted names, or both; null gives a field or
    a section its default back.
    """

    key_digest: str | None
    patch: bytes


class ReadOwnStorefront(Request, frozen=True, kw_only=True):
    """Read the storefront's set-up."""

    key_digest: str | None


class StorefrontChanges(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a merchant may change of its storefront; unset leaves, None clears."""

    display_name: str | UnsetType = UNSET
    payment: Payment | UnsetType | None = UNSET
    return_to_store_url: str | UnsetType | None = UNSET
    accent: str | UnsetType | None = UNSET
    logo_url: str | UnsetType | None = UNSET
    locale: str | UnsetType = UNSET


class ChangeOwnStorefront(Request, frozen=True, kw_only=True):
    """Change what a merchant may change of its storefront; all or nothing."""

    key_digest: str | None
    changes: StorefrontChanges


class ReadAudit(Request, frozen=True, kw_only=True):
    """Read the audit log, newest first; ``before`` is an entry's number."""

    key_digest: str | None
    before: int | None = None
    limit: int = 20


# --- outcomes -------------------------------------------------------------------------------------


class PolicyFound(Outcome, frozen=True, kw_only=True):
    """The effective policy as nested JSON, every field of it."""

    policy: bytes
    standing: Standing | None = None


class OwnStorefront(Outcome, frozen=True, kw_only=True):
    """The storefront's set-up; its policy has a call of its own."""

    slug: str
    document: StorefrontDocument
    created_at_ms: int
    updated_at_ms: int
    standing: Standing | None = None


class AuditFound(Outcome, frozen=True, kw_only=True):
    """A page of the audit log; ``before`` goes on with it, None at the end."""

    items: tuple[AuditEntry, ...]
    before: int | None
    standing: Standing | None = None

"""A storefront's set-up as far as its merchant may read and change it, and its audit log (§5).

Where it lives, whether it is published and who may call it from where is the operator's to say.
"""

from typing import Final

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from doorward.actors.desks import audit, storefronts
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_settings import (
    ChangeOwnStorefront,
    ChangePolicy,
    OwnStorefront,
    PolicyFound,
    ReadAudit,
    ReadOwnStorefront,
    ReadPolicy,
    StorefrontChanges,
)
from doorward.actors.messages.operator import StorefrontDocument
from doorward.actors.messages.refusals import Invalid
from doorward.actors.records.storefronts import Branding, Storefront
from doorward.actors.turns import Turn, policy_of
from doorward.config.errors import ConfigurationError
from doorward.config.policy import apply, to_json

_Json = dict[str, object]
_encoder: Final = msgspec.json.Encoder()
_sorted: Final = msgspec.json.Encoder(order="sorted")
_decoder: Final = msgspec.json.Decoder(_Json)


@keyed(None)
def read_policy(_turn: Turn, storefront: Storefront, _message: ReadPolicy) -> Outcome:
    """Read the effective policy."""
    return _policy(storefront)


@keyed("policy:write")
def change_policy(turn: Turn, storefront: Storefront, message: ChangePolicy) -> Outcome:
    """Change some of the policy, all of the patch or nothing."""
    try:
        patch = _decoder.decode(message.patch)
    except msgspec.MsgspecError:
        return Invalid(name="policy", rule="must be a JSON object")
    try:
        overrides = apply(_decoder.decode(storefront.policy), patch)
    except ConfigurationError as error:
        return Invalid(name=error.name, rule=error.rule)
    changed = replace(storefront, policy=_sorted.encode(overrides), updated_at_ms=turn.store_ms)
    if changed.policy == storefront.policy:
        return _policy(storefront)
    turn.ledger.put(changed)
    turn.note("policy_changed")
    return _policy(changed)


@keyed(None)
def read_own_storefront(turn: Turn, storefront: Storefront, _message: ReadOwnStorefront) -> Outcome:
    """Read the storefront's set-up."""
    return _own(turn, storefront)


@keyed("policy:write")
def change_own_storefront(
    turn: Turn, storefront: Storefront, message: ChangeOwnStorefront
) -> Outcome:
    """Change what a merchant may change, all of it or nothing."""
    before = storefronts.view(turn.slug, storefront, created=False).document
    document = _changed(before, message.changes)
    if invalid := storefronts.fault(document):
        return invalid
    if document == before:
        return _own(turn, storefront)
    changed = replace(
        storefront,
        display_name=document.display_name,
        payment=document.payment,
        return_to_store_url=document.return_to_store_url,
        branding=Branding(document.accent, document.logo_url),
        locale=document.locale,
        updated_at_ms=turn.store_ms,
    )
    turn.ledger.put(changed)
    turn.note("storefront_changed")
    return _own(turn, changed)


@keyed("customers:read")
def read_audit(turn: Turn, _storefront: Storefront, message: ReadAudit) -> Outcome:
    """Read the audit log, newest first."""
    return audit.page(turn, message)


def _policy(storefront: Storefront) -> PolicyFound:
    return PolicyFound(policy=_encoder.encode(to_json(policy_of(storefront))))


def _changed(before: StorefrontDocument, changes: StorefrontChanges) -> StorefrontDocument:
    named = {name: getattr(changes, name) for name in changes.__struct_fields__}
    return replace(before, **{name: value for name, value in named.items() if value is not UNSET})


def _own(turn: Turn, storefront: Storefront) -> OwnStorefront:
    shown = storefronts.view(turn.slug, storefront, created=False)
    return OwnStorefront(
        slug=shown.slug,
        document=shown.document,
        created_at_ms=shown.created_at_ms,
        updated_at_ms=shown.updated_at_ms,
    )

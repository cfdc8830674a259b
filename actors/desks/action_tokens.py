"""Action tokens: minted by a merchant, previewed by anybody, taken once (contract §3, §7).

The token is derived from random bytes that nobody keeps but the mail that carries it; the store
holds its SHA-256 only, and what it does. It is deleted in the very turn that does it, and turns run
one at a time: of any number of takers in parallel exactly one finds it.
"""

from typing import Final, cast

import msgspec

from doorward.actors import tokens
from doorward.actors.desks import (
    action_contexts,
    action_mails,
    actions,
    audit,
    live_tokens,
    token_pages,
)
from doorward.actors.desks.account_sessions import Entered, entered
from doorward.actors.desks.action_contexts import Context
from doorward.actors.desks.action_mails import Minted
from doorward.actors.desks.actions import Done
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.desks.storefronts import front_of
from doorward.actors.desks.token_misses import missed
from doorward.actors.keyring import TOKEN_ID_BYTES
from doorward.actors.messages.account import ActionPreview, ActionTaken, PreviewAction, TakeAction
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_returns import ActionMinted, MintAction
from doorward.actors.messages.refusals import Conflict, Invalid, NotFound
from doorward.actors.records.account import Action, ActionToken
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import DAY_MS, Turn, policy_of

ACTIONS: Final[tuple[Action, ...]] = (
    "start_return",
    "cancel_return",
    "confirm_email",
    "restore_password",
    "revoke_sessions",
)
"""What a merchant may mint. What sets or unlocks a password goes to the mailbox and nowhere else:
with it a merchant could sign in as anybody."""
USUAL_SECONDS: Final = 7 * DAY_MS // 1_000
"""Contract §3."""
LONGEST_SECONDS: Final = 30 * DAY_MS // 1_000


@keyed("actions:write")
def mint_action(turn: Turn, storefront: Storefront, message: MintAction) -> Outcome:
    """Make a token that does one thing, once."""
    context = _fault(message) or action_contexts.sound(
        turn, cast("Action", message.action), message.email, message.context
    )
    if not isinstance(context, Context):
        return context
    keyring, token_id = turn.place.keyring, turn.random(TOKEN_ID_BYTES)
    expires_at_ms = turn.now_ms + (message.expires_in_seconds or USUAL_SECONDS) * 1_000
    action = cast("Action", message.action)
    number = context.order.number if context.order is not None else None
    # The mail comes first: one that has nowhere to lead must leave everything as it was.
    if message.mail and not action_mails.minted(
        turn, storefront, Minted(action, message.email, token_id, expires_at_ms, number)
    ):
        return Conflict(reason=token_pages.NO_PAGE)
    token = keyring.action_token(keyring.newest, storefront.life(turn.slug), token_id)
    record = ActionToken(action, message.email, context.stored, expires_at_ms)
    live_tokens.kept(turn, tokens.digest(token), record)
    turn.note("action_minted", action=action)
    return ActionMinted(
        action=action,
        token=token,
        url=token_pages.url(turn, storefront, token_pages.action_path(token)),
        expires_at_ms=expires_at_ms,
    )


def preview_action(turn: Turn, message: PreviewAction) -> Outcome:
    """Tell what a token would do; nothing changes by it."""
    entry = entered(turn, message.caller)
    if not isinstance(entry, Entered):
        return entry
    token = live_tokens.found(turn, message.token_digest)
    if token is None:
        return missed(turn, entry.storefront, entry.caller)
    number, lines = action_contexts.about(turn, token.action, token.email, token.context)
    return ActionPreview(
        front=front_of(turn, entry.storefront),
        action=token.action,
        context=token.context,
        expires_at_ms=token.expires_at_ms,
        order_number=number,
        lines=lines,
        password_minimum=_password_minimum(entry.storefront, token.action),
    )


def take_action(turn: Turn, message: TakeAction) -> Outcome:
    """Do what a token does, once; one that cannot be done now stays as it is."""
    entry = entered(turn, message.caller)
    if not isinstance(entry, Entered):
        return entry
    token = live_tokens.found(turn, message.token_digest)
    done = actions.done(turn, entry, token, message.password) if token is not None else NotFound()
    if token is None or isinstance(done, NotFound):
        return missed(turn, entry.storefront, entry.caller)
    if not isinstance(done, Done):
        return done
    live_tokens.spent(turn, message.token_digest, token)
    if not done.audited:
        audit.kept(turn, done.who, token.action, done.subject)
    turn.note("action_taken", action=token.action, request_id=message.caller.request_id)
    return ActionTaken(
        front=front_of(turn, entry.storefront),
        action=token.action,
        result=msgspec.json.encode(done.result),
    )


def _fault(message: MintAction) -> Invalid | None:
    if message.action not in ACTIONS:
        return Invalid(name="action", rule=f"must be one of {', '.join(ACTIONS)}")
    seconds = message.expires_in_seconds
    if seconds is not None and not 1 <= seconds <= LONGEST_SECONDS:
        return Invalid(name="expiresInSeconds", rule=f"must be 1 to {LONGEST_SECONDS}")
    return None


def _password_minimum(storefront: Storefront, action: Action) -> int | None:
    if action != "set_password":
        return None
    return policy_of(storefront).passwords.length_minimum

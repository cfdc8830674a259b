"""What is mailed about passwords: each mail with a link that does one thing, once (contract §4).

A link's token is derived when the mail goes, from random bytes that only the mail's job names; the
store holds its SHA-256. What may be about an email that nobody knows stages a token and a mail for
such an email, too: the token is never told and the mail is blank, so that both cost the same.

The links lead to the account's actions page, and where no host is the storefront's own, to the
portal's.
"""

from typing import Final, NamedTuple

from doorward.actors import tokens
from doorward.actors.desks import confirmations, landings, live_sessions, live_tokens, mails
from doorward.actors.desks.mails import Envelope
from doorward.actors.desks.origins import configured_origin
from doorward.actors.keyring import TOKEN_ID_BYTES
from doorward.actors.messages.envelope import Caller
from doorward.actors.opening import account_token
from doorward.actors.records.account import Action, ActionToken
from doorward.actors.records.mail import AccountLetter, AccountNews
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.store import Tries
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import DAY_MS, HOUR_MS, Turn, policy_of

WEEK_MS: Final = 7 * DAY_MS
"""How long a link works that nobody has asked for (contract §3, actions)."""
RESET_MS: Final = HOUR_MS
"""Contract §7; OWASP Forgot Password Cheat Sheet: short-lived, single use."""
_NEVER_MS: Final = 0
"""When a blank mail expires (``MailJob.is_blank``)."""
_NOTHING: Final = b"{}"
_ACTIONS: Final[dict[AccountNews, Action]] = {
    "confirm_email": "confirm_email",
    "new_device": "revoke_sessions",
    "password_changed": "restore_password",
    "locked": "unlock_password",
    "password_disabled": "set_password",
    "set_password": "set_password",
}


class _Notice(NamedTuple):
    """What to tell, to whom, for how long its link works, and by whom it came about."""

    news: AccountNews
    email: str
    ttl_ms: int
    caller: Caller
    language: str
    context: bytes = _NOTHING
    mailed: bool = True
    within: bool = True


def confirm_email(turn: Turn, storefront: Storefront, customer: Customer, caller: Caller) -> None:
    """Stage the mail that asks who signed up to prove their mailbox.

    Its link keeps the password that the customer has now (``confirmations``).

    Raises:
        Miss: When the email's tokens are not in memory; so for all of these.
    """
    context = confirmations.of(customer)
    language = caller.locale or customer.locale
    told = _Notice("confirm_email", customer.email, WEEK_MS, caller, language, context)
    _stage(turn, storefront, told)


def new_device(turn: Turn, storefront: Storefront, customer: Customer, caller: Caller) -> None:
    """Stage the mail about a sign-in from a device that is not known; its link ends them all."""
    _stage(turn, storefront, _to(customer, "new_device", caller))


def password_changed(
    turn: Turn, storefront: Storefront, customer: Customer, caller: Caller
) -> None:
    """Stage the mail about a password that was set; its link takes the password away again."""
    _stage(turn, storefront, _to(customer, "password_changed", caller))


def locked(
    turn: Turn, storefront: Storefront, email: str, customer: Customer | None, caller: Caller
) -> None:
    """Stage the mail about a lock, with a link that ends it; once for every lock.

    Blank also for a customer who has no password, or whose password was turned off: they have lost
    nothing by it, and a lock that can be made for ever is no way to fill a mailbox.
    """
    tries = turn.ledger.get(Tries, tokens.email_id(email)) or Tries()
    ttl_ms = max(HOUR_MS, policy_of(storefront).passwords.lock * 1_000)
    has_password = customer is not None and customer.password is not None
    # Not the caller's language: whoever makes a lock is mostly not whom it locks out.
    language = customer.locale if customer is not None else ""
    mailed = has_password and not tries.disabled
    told = _Notice("locked", email, ttl_ms, caller, language, mailed=mailed)
    _stage(turn, storefront, told)


def password_disabled(
    turn: Turn, storefront: Storefront, email: str, customer: Customer | None, caller: Caller
) -> None:
    """Stage the mail about a password that was turned off, with a link to set another.

    Once for every password, and blank for a customer who has none.
    """
    language = customer.locale if customer is not None else ""
    mailed = customer is not None and customer.password is not None
    told = _Notice("password_disabled", email, WEEK_MS, caller, language, mailed=mailed)
    _stage(turn, storefront, told)


def set_password(  # noqa: PLR0913 - who asks, for whom, and whether their budget covers it
    turn: Turn,
    storefront: Storefront,
    email: str,
    customer: Customer | None,
    caller: Caller,
    *,
    within: bool = True,
) -> None:
    """Stage the mail with a link by which a customer sets a password, a first one too.

    Over the email's budget (not ``within``) it is blank as for an unknown email.
    """
    mailed = within and customer is not None
    language = caller.locale or (customer.locale if customer is not None else "")
    told = _Notice("set_password", email, RESET_MS, caller, language, mailed=mailed, within=within)
    _stage(turn, storefront, told)


def _to(customer: Customer, news: AccountNews, caller: Caller) -> _Notice:
    language = customer.locale or caller.locale
    return _Notice(news, customer.email, WEEK_MS, caller, language)


def _stage(turn: Turn, storefront: Storefront, told: _Notice) -> None:
    keyring, caller = turn.place.keyring, told.caller
    until_ms = turn.now_ms + told.ttl_ms
    origin, page = landings.account_origin(turn, storefront, caller), landings.ACTIONS
    if origin is None:
        origin = configured_origin(turn, storefront, caller)
        page = landings.portal_actions(turn.slug)
    # Who came is kept where it is told, and nowhere else.
    named = told.news == "new_device"
    letter = AccountLetter(
        news=told.news,
        page=page,
        token_id=turn.random(TOKEN_ID_BYTES),
        key_id=keyring.newest,
        until_ms=until_ms,
        at_ms=turn.now_ms,
        device=caller.device_label[: live_sessions.DEVICE_LENGTH] if named else "",
        area=live_sessions.prefix_of(caller.address) if named else "",
    )
    token = account_token(letter, keyring, storefront.life(turn.slug))
    record = ActionToken(_ACTIONS[told.news], told.email, told.context, until_ms)
    # What nobody is mailed must not crowd out what was.
    keep = live_tokens.kept if told.within else live_tokens.as_if_kept
    keep(turn, tokens.digest(token), record)
    # A sandbox storefront keeps its mail to be read, and has nobody to hide anything from.
    if told.mailed or not storefront.sandbox:
        expires_at_ms = until_ms if told.mailed else _NEVER_MS
        envelope = Envelope(told.email, expires_at_ms, origin, told.language)
        mails.send(turn, storefront, letter, envelope)

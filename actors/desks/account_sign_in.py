"""Signing in on the account surface: a code, a link, or both in one mail (contract §3).

Asking is neutral: known, unknown, locked and over-budget emails are answered alike and cost alike.
Each reads the same records and writes the same (the three tallies, and where a link leads if one is
asked for), with the same derivations; an email that nobody knows gets a challenge too, which is
never mailed, so that guesses at it count as at any other and no guess can be right. Even the outbox
gets an entry, which for such an email is blank. What differs is the sending, a random moment later
(``systems``).

The challenge is the email's one challenge, the portal's too: its budgets, attempts and resends are
the same ones.
"""

from typing import Final

from msgspec.structs import replace

from doorward.actors.desks import (
    account_sessions,
    challenges,
    codes,
    customers,
    mails,
    order_index,
    order_lists,
    sign_ins,
    tallies,
)
from doorward.actors.desks.account_sessions import Entered, entered
from doorward.actors.desks.gathering import together
from doorward.actors.desks.limits import rules_of
from doorward.actors.desks.origins import picked
from doorward.actors.desks.sign_ins import Proof
from doorward.actors.messages.account import (
    AccountSignedIn,
    Requested,
    RequestSignIn,
    VerifySignIn,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import TooMany
from doorward.actors.messages.sign_in import SignInRefused
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn, policy_of

_NEVER_MS: Final = 0
"""When a blank mail expires (``MailJob.is_blank``)."""


def request_sign_in(turn: Turn, message: RequestSignIn) -> Outcome:
    """Mail a code, and a link where one is asked for; the answer says nothing about the email."""
    entry = entered(turn, message.caller)
    if not isinstance(entry, Entered):
        return entry
    storefront, caller, secure = entry
    email = message.email
    together(
        lambda: tallies.read(turn, address=caller.address, email=email),
        lambda: order_lists.count(turn, order_index.of_email(email)),
    )
    read = tallies.read(turn, address=caller.address, email=email)
    counted = tallies.count_request(read, rules_of(storefront.policy), turn.now_ms)
    if isinstance(counted, TooMany):
        return counted
    tally, standing, within = counted
    # Not "and": whether it is known is found out also where that no longer matters.
    mailed = within & _is_known(turn, storefront, email, read.email.customer_id)
    challenge = challenges.issue(
        turn,
        storefront,
        tally,
        device=picked(message.device, secure=secure),
        with_link=message.with_link,
        mailed=mailed,
    )
    tallies.write(turn, tally.with_challenge(challenge) if within else tally)
    letter = challenges.letter_of(challenge, with_link=message.with_link)
    # Whether or not it is mailed: it leads to a challenge that does not answer to it.
    if letter.has_link:
        challenges.put_link(turn, storefront, letter, email)
    if not mailed:
        letter = replace(letter, expires_at_ms=_NEVER_MS)
    # A sandbox storefront keeps its mail to be read, and has nobody to hide anything from.
    if mailed or not storefront.sandbox:
        mails.send_account_sign_in(turn, storefront, letter, to=email, caller=message.caller)
    return Requested(standing=standing)


def verify_sign_in(turn: Turn, message: VerifySignIn) -> Outcome:
    """Sign in with a link's token or a code; every kind of failure is one and the same answer."""
    entry = entered(turn, message.caller)
    if not isinstance(entry, Entered):
        return entry
    proof = _proven(turn, entry, message)
    if not isinstance(proof, Proof):
        return proof
    storefront, _, secure = entry
    account_sessions.end_presented(turn, message.presented, secure=secure)
    let_in = sign_ins.let_in(
        turn,
        storefront,
        proof,
        surface="account",
        device=picked(message.device, secure=secure),
    )
    policy = policy_of(storefront)
    return AccountSignedIn(
        account=customers.account_view(let_in.customer),
        cookie_secret=let_in.cookie,
        bearer_secret=let_in.bearer,
        device_secret=let_in.device,
        device_ttl_seconds=policy.devices.ttl,
        ttl_seconds=policy.sessions.ttl,
        expires_at_ms=turn.now_ms + policy.sessions.ttl * 1000,
        secure=secure,
        standing=proof.standing,
    )


def _proven(turn: Turn, entry: Entered, message: VerifySignIn) -> Proof | TooMany | SignInRefused:
    storefront, caller, _ = entry
    if message.token_digest is not None:
        return codes.proven_by_link(turn, storefront, caller, message.token_digest)
    return codes.proven_by_code(
        turn, storefront, caller, email=message.email or "", code=message.code or ""
    )


def _is_known(turn: Turn, storefront: Storefront, email: str, customer_id: str | None) -> bool:
    """Tell whether a mail may go to an email: a customer's, or one that was ordered with."""
    ordered = order_lists.count(turn, order_index.of_email(email)) > 0
    return ordered or customer_id is not None or policy_of(storefront).sign_in.open

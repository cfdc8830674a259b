"""Codes and links: asking for one, and what a guess costs.

The order is the security. A wrong guess is counted in the same turn that compares it, and no answer
leaves before that count is durable, so parallel guesses cannot share one count. Guesses are also
counted per email across challenges, so that asking again refills nothing.

Sources: contract §1 "Codes, links, budgets"; NIST SP 800-63B §3.2.2 (limit consecutive failures);
OWASP ASVS 6.5.1–6.5.5 (single use, ten minutes, attempts bounded).
"""

import hmac

from doorward.actors.desks import challenges, mails, sessions, tallies
from doorward.actors.desks.callers import admitted
from doorward.actors.desks.limits import rules_of
from doorward.actors.desks.origins import is_secure, picked
from doorward.actors.desks.sign_ins import Proof
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import NotFound, TooMany
from doorward.actors.messages.sign_in import (
    CodeSent,
    RequestCode,
    SignInRefused,
    VerifyCode,
    VerifyLink,
)
from doorward.actors.records.sign_in import Challenge, Link
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn, policy_of
from doorward.actors.windows import Standing

_DECOY_ID = bytes(challenges.ID_BYTES)


def request_code(turn: Turn, message: RequestCode) -> Outcome:
    """Mail a code or a link; the answer says nothing about whose email it is."""
    storefront = turn.published()
    if storefront is None:
        return NotFound()
    caller = admitted(turn, storefront, message.caller)
    if not isinstance(caller, Caller):
        return caller
    policy = policy_of(storefront)
    read = tallies.read(turn, address=caller.address, email=message.email)
    counted = tallies.count_code(read, rules_of(storefront.policy), turn.now_ms)
    if isinstance(counted, TooMany):
        return counted
    tally, standing = counted
    device = picked(message.device, secure=is_secure(turn, storefront, message.caller))
    challenge = challenges.issue(
        turn, storefront, tally, device=device, with_link=False, mailed=True
    )
    tallies.write(turn, tally.with_challenge(challenge))
    letter = challenges.letter_of(challenge, with_link=False)
    if letter.has_link:
        challenges.put_link(turn, storefront, letter, message.email)
    mails.send_sign_in(turn, storefront, letter, to=message.email, caller=message.caller)
    return CodeSent(ttl_seconds=policy.codes.ttl, standing=standing)


def verify_code(turn: Turn, message: VerifyCode) -> Outcome:
    """Sign in with a code; every kind of failure is one and the same answer."""
    storefront = turn.published()
    if storefront is None:
        return NotFound()
    caller = admitted(turn, storefront, message.caller)
    if not isinstance(caller, Caller):
        return caller
    proof = proven_by_code(turn, storefront, caller, email=message.email, code=message.code)
    if not isinstance(proof, Proof):
        return proof
    return sessions.admit(turn, storefront, message, proof)


def verify_link(turn: Turn, message: VerifyLink) -> Outcome:
    """Sign in with a mailed link; it works once, and so does the code beside it."""
    storefront = turn.published()
    if storefront is None:
        return NotFound()
    caller = admitted(turn, storefront, message.caller)
    if not isinstance(caller, Caller):
        return caller
    proof = proven_by_link(turn, storefront, caller, message.token_digest)
    if not isinstance(proof, Proof):
        return proof
    return sessions.admit(turn, storefront, message, proof)


def proven_by_code(
    turn: Turn, storefront: Storefront, caller: Caller, *, email: str, code: str
) -> Proof | TooMany | SignInRefused:
    """Try a code and count the try; what proves the mailbox is not spent yet (``sign_ins``)."""
    rules = rules_of(storefront.policy)
    read = tallies.read(turn, address=caller.address, email=email)
    counted = tallies.count_verification(read, rules, turn.now_ms)
    if isinstance(counted, TooMany):
        return counted
    tally, standing = counted
    challenge = challenges.open_challenge(turn, tally)
    if challenge is not None and not challenge.has_code:
        challenge = None
    if _matches(turn, storefront, challenge, code):
        return Proof(email, caller, tally, standing)
    if challenge is None:
        tallies.write_volume(turn, tally)
    else:
        tallies.write(
            turn, tallies.count_wrong_guess(tally, rules, policy_of(storefront), turn.now_ms)
        )
    return _sign_in_refused(turn, standing, caller.request_id)


def proven_by_link(
    turn: Turn, storefront: Storefront, caller: Caller, token_digest: str
) -> Proof | TooMany | SignInRefused:
    """Try a link's token and count the try; one that proves the mailbox opens nothing again."""
    link = turn.ledger.get(Link, token_digest)
    email = link.email if link is not None else ""
    read = tallies.read(turn, address=caller.address, email=email)
    counted = tallies.count_verification(read, rules_of(storefront.policy), turn.now_ms)
    if isinstance(counted, TooMany):
        return counted
    tally, standing = counted
    challenge = challenges.open_challenge(turn, tally)
    if (
        link is None
        or challenge is None
        or not (challenge.has_link and challenge.mailed)
        or challenge.id != link.challenge_id
    ):
        tallies.write_volume(turn, tally)
        return _sign_in_refused(turn, standing, caller.request_id)
    return Proof(email, caller, tally, standing)


def _matches(turn: Turn, storefront: Storefront, challenge: Challenge | None, code: str) -> bool:
    """Compare with the same work whether there is a challenge to compare with or not."""
    key_id = challenge.key_id if challenge else turn.place.keyring.newest
    asked = challenge.id if challenge else _DECOY_ID
    expected = turn.place.keyring.code(key_id, storefront.life(turn.slug), asked)
    equal = hmac.compare_digest(expected.encode(), code.encode())
    # One that was never mailed proves no mailbox: whoever has it right guessed it.
    return equal and challenge is not None and challenge.mailed


def _sign_in_refused(turn: Turn, standing: Standing, request_id: str) -> SignInRefused:
    turn.note("sign_in_refused", request_id=request_id)
    return SignInRefused(standing=standing)

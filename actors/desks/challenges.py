"""Challenges: issuing, resending, and when one may still be answered."""

from typing import Final

from msgspec.structs import replace

from doorward.actors import tokens, windows
from doorward.actors.desks.limits import rules_of
from doorward.actors.desks.tallies import Tallies
from doorward.actors.records.sign_in import Challenge, Customer, Link
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn, policy_of

ID_BYTES: Final = 16
"""128 random bits: the code is a keyed function of them and must not repeat."""


def open_challenge(turn: Turn, tallies: Tallies) -> Challenge | None:
    """Return the email's challenge if it may still be answered."""
    challenge = tallies.email.challenge
    if (
        challenge is None
        or challenge.burned
        or turn.now_ms >= challenge.expires_at_ms
        or challenge.issued_at_ms < turn.burned_before_ms
        or not turn.place.keyring.knows(challenge.key_id)
    ):
        return None
    return challenge


def issue(  # noqa: PLR0913 - who asks, and what for
    turn: Turn,
    storefront: Storefront,
    tallies: Tallies,
    *,
    device: str | None,
    with_link: bool,
    mailed: bool,
) -> Challenge:
    """Return the email's challenge from now on: the live one while it has time left, else fresh.

    A resend that restarted the attempt count would refill the guess budget, so it never does. A
    live challenge that lacks what is asked for now gains it: a link's token is derived from the
    same id as the code, so both kill each other, whichever surface asked for which.

    Args:
        turn: The turn that issues it.
        storefront: Whose it is.
        tallies: The email's record among them.
        device: The SHA-256 of a known-device cookie.
        with_link: Whether a link is wanted beside the code.
        mailed: Whether it will be mailed; once it was, it stays so.
    """
    links_only = _links_only(turn, storefront, tallies, device)
    current = open_challenge(turn, tallies)
    if current is not None and current.mailed and not mailed:
        # Nobody would read of another: what lies in the mailbox stays good.
        return current
    least_ms = policy_of(storefront).codes.resend_minimum_left * 1000
    if (
        current is not None
        and current.has_code is not links_only
        and current.expires_at_ms - turn.now_ms >= least_ms
    ):
        return replace(
            current,
            has_link=current.has_link or with_link,
            mailed=current.mailed or mailed,
        )
    return Challenge(
        id=turn.random(ID_BYTES),
        key_id=turn.place.keyring.newest,
        issued_at_ms=turn.store_ms,
        expires_at_ms=turn.now_ms + policy_of(storefront).codes.ttl * 1000,
        has_code=not links_only,
        has_link=links_only or with_link,
        mailed=mailed,
    )


def letter_of(challenge: Challenge, *, with_link: bool) -> Challenge:
    """Tell what of a challenge a mail carries: a link only where it was asked for or is all."""
    return replace(challenge, has_link=challenge.has_link and (with_link or not challenge.has_code))


def put_link(turn: Turn, storefront: Storefront, challenge: Challenge, email: str) -> None:
    """Stage the record by which a mailed link finds its challenge."""
    token = turn.place.keyring.link_token(
        challenge.key_id, storefront.life(turn.slug), challenge.id
    )
    turn.ledger.put(
        Link(email=email, challenge_id=challenge.id),
        tokens.digest(token),
        keep_ms=challenge.expires_at_ms - turn.now_ms,
    )


def forget_link(turn: Turn, storefront: Storefront, challenge: Challenge | None) -> None:
    """Stage the end of that record: the challenge is spent, or its customer is erased."""
    keyring = turn.place.keyring
    if challenge is not None and challenge.has_link and keyring.knows(challenge.key_id):
        life = storefront.life(turn.slug)
        token = keyring.link_token(challenge.key_id, life, challenge.id)
        turn.ledger.delete(Link, tokens.digest(token))


def _links_only(turn: Turn, storefront: Storefront, tallies: Tallies, device: str | None) -> bool:
    if turn.now_ms < tallies.email.links_until_ms:
        return True
    breaker = rules_of(storefront.policy).guesses_per_storefront
    if windows.held(tallies.traffic.guesses, breaker, turn.now_ms) <= breaker.limit:
        return False
    return not _is_known_device(turn, tallies, device)


def _is_known_device(turn: Turn, tallies: Tallies, device: str | None) -> bool:
    customer_id = tallies.email.customer_id
    if device is None:
        return False
    # Looked for also where there is none, so that known and unknown emails cost the same.
    customer = turn.ledger.get(Customer, customer_id or tallies.email_id)
    return customer is not None and any(
        known.digest == device and turn.now_ms < known.expires_at_ms for known in customer.devices
    )

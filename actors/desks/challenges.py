"""Challenges: issuing, resending, and when one may still be answered."""

from typing import Final

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


def issue(turn: Turn, storefront: Storefront, tallies: Tallies, *, device: str | None) -> Challenge:
    """Return the challenge to mail: the live one while it has time left, else a fresh one.

    A resend that restarted the attempt count would refill the guess budget, so it never does.
    """
    policy = policy_of(storefront)
    as_link = _links_only(turn, storefront, tallies, device)
    current = open_challenge(turn, tallies)
    if (
        current is not None
        and current.has_link == as_link
        and current.expires_at_ms - turn.now_ms >= policy.codes.resend_minimum_left * 1000
    ):
        return current
    return Challenge(
        id=turn.random(ID_BYTES),
        key_id=turn.place.keyring.newest,
        issued_at_ms=turn.store_ms,
        expires_at_ms=turn.now_ms + policy.codes.ttl * 1000,
        has_code=not as_link,
        has_link=as_link,
    )


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


def _links_only(turn: Turn, storefront: Storefront, tallies: Tallies, device: str | None) -> bool:
    if turn.now_ms < tallies.email.links_until_ms:
        return True
    breaker = rules_of(storefront.policy).guesses_per_storefront
    if windows.held(tallies.traffic.guesses, breaker, turn.now_ms) <= breaker.limit:
        return False
    return not _is_known_device(turn, tallies, device)


def _is_known_device(turn: Turn, tallies: Tallies, device: str | None) -> bool:
    customer_id = tallies.email.customer_id
    if device is None or customer_id is None:
        return False
    customer = turn.ledger.get(Customer, customer_id)
    return customer is not None and any(
        known.digest == device and turn.now_ms < known.expires_at_ms for known in customer.devices
    )

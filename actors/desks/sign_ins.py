"""Letting in whoever proved a mailbox: the same on every surface but for what they are given."""

from typing import NamedTuple

from msgspec.structs import replace

from doorward.actors.desks import challenges, customers, devices, live_sessions, tallies
from doorward.actors.desks.live_sessions import Surface
from doorward.actors.desks.tallies import Tallies
from doorward.actors.messages.envelope import Caller
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn, policy_of
from doorward.actors.windows import Standing


class Proof(NamedTuple):
    """A mailbox that was proven in this turn, by whom, and what the try was counted in."""

    email: str
    caller: Caller
    tally: Tallies
    standing: Standing


class LetIn(NamedTuple):
    """A customer with a fresh session; ``device`` is None when theirs is still good."""

    customer: Customer
    cookie: str
    bearer: str
    device: str | None


def let_in(
    turn: Turn, storefront: Storefront, proof: Proof, *, surface: Surface, device: str | None
) -> LetIn:
    """Spend the challenge that was answered, and mint a session.

    Sessions that were presented must have been ended before.
    """
    policy, caller = policy_of(storefront), proof.caller
    customer = customers.proven(turn, proof.tally, proof.email)
    if caller.locale and caller.locale != customer.locale:
        customer = replace(customer, locale=caller.locale)
    customer, cookie, bearer = live_sessions.minted(
        turn, customer, policy, caller=caller, surface=surface
    )
    customer, device_secret = devices.kept_or_minted(turn, customer, device, policy)
    turn.ledger.put(customer, customer.id)
    # Whichever of the two answered, code or link: the other's way in is gone with it.
    challenges.forget_link(turn, storefront, proof.tally.email.challenge)
    email = replace(proof.tally.email, customer_id=customer.id, challenge=None)
    tallies.write(turn, proof.tally.with_email(email))
    turn.note("signed_in", customer=customer.id, request_id=caller.request_id)
    return LetIn(customer, cookie, bearer, device_secret)

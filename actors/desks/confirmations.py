"""Which sign-up a confirmation mail is of: who confirms it confirms the password set there, too.

Whoever reads that mail has proven the mailbox, and says with the click that the sign-up was theirs
(contract §1, the exception of the pre-hijacking rule). So the token names the sign-up by a mark
that is of its customer and of the moment their password was set: one that was set or taken away
since is not confirmed by it. The mark says nothing to whoever reads it in a preview.
"""

import msgspec

from doorward.actors import tokens
from doorward.actors.records.sign_in import Customer


class _SignUp(msgspec.Struct, frozen=True, rename="camel"):
    """What is kept with the token."""

    sign_up: str = ""


def of(customer: Customer) -> bytes:
    """Make the context of a token that confirms a customer's sign-up."""
    return msgspec.json.encode(_SignUp(_mark(customer)))


def confirms(context: bytes, customer: Customer) -> bool:
    """Tell whether a token is of this customer's sign-up, and the password still that one's."""
    mark = msgspec.json.decode(context, type=_SignUp).sign_up
    return customer.password is not None and mark == _mark(customer)


def _mark(customer: Customer) -> str:
    set_at_ms = customer.password.set_at_ms if customer.password is not None else 0
    return tokens.digest(f"sign-up/{customer.id}/{set_at_ms}")[:32]

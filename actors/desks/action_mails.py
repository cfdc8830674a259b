"""Action tokens by mail: a link that does one thing, once (contract §3, §7)."""

from typing import NamedTuple

from doorward.actors.desks import landings, mails
from doorward.actors.desks.mails import Envelope
from doorward.actors.records.account import Action
from doorward.actors.records.mail import ActionLetter
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn


class Minted(NamedTuple):
    """A token as it was minted, with the newest master key (``Keyring.action_token``).

    Attributes:
        action: What it does.
        email: Whom it is for, canonical.
        token_id: What it is derived from.
        expires_at_ms: Until when it works, in the turn's time.
        number: What the order is called that it is about, if it is about one (``Order.number``).
    """

    action: Action
    email: str
    token_id: bytes
    expires_at_ms: int
    number: str | None = None


def minted(turn: Turn, storefront: Storefront, token: Minted) -> bool:
    """Stage the mail with an action token's link.

    Returns:
        False when nothing is mailed, because the public cannot reach the page anywhere.

    Raises:
        Miss: When the receiver's language is not in memory.
    """
    origin = landings.account_origin(turn, storefront)
    if origin is None or not storefront.published:
        return False
    letter = ActionLetter(
        action=token.action,
        number=token.number,
        token_id=token.token_id,
        key_id=turn.place.keyring.newest,
    )
    language = mails.language_of(turn, storefront, token.email)
    envelope = Envelope(token.email, token.expires_at_ms, origin, language)
    mails.send(turn, storefront, letter, envelope)
    return True

"""What a storefront's access tokens are checked with, for whoever asks (RFC 7517)."""

from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import NotFound
from doorward.actors.messages.store import ReadSigning, Signing
from doorward.actors.turns import Turn, policy_of


def read_signing(turn: Turn, _message: ReadSigning) -> Outcome:
    """Tell which life of the slug signs, and whether its keys may be shown."""
    storefront = turn.published()
    if storefront is None or not storefront.headless:
        return NotFound()
    public = policy_of(storefront).access.public_keys
    return Signing(life=storefront.life(turn.slug), public=public)

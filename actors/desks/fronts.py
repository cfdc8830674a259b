"""The front that hosted pages get beside what they asked for."""

from typing import cast

from doorward.actors.desks.storefronts import front_of
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.fronts import Answered, WithFront
from doorward.actors.messages.refusals import NotFound
from doorward.actors.turns import Turn


def with_front(turn: Turn, outcome: Outcome) -> Outcome:
    """Put the storefront's front beside an outcome; ``NotFound`` stays as it is.

    Raises:
        Miss: When the storefront's record is not in memory.
    """
    storefront = turn.published()
    if storefront is None or isinstance(outcome, NotFound):
        return NotFound()
    return WithFront(front=front_of(turn, storefront), outcome=cast("Answered", outcome))

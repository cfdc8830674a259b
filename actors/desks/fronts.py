"""The front that hosted pages get beside what they asked for."""

from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from doorward.actors.desks.storefronts import front_of
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.fronts import Answered, AskWithFront, WithFront
from doorward.actors.messages.refusals import NotFound
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn


def with_front(
    turn: Turn, message: AskWithFront, decide: Callable[[Turn, Request], Outcome]
) -> Outcome:
    """Decide, and put the storefront's front beside the outcome.

    ``NotFound`` alone says that there is no such storefront, published, or not on that host; then
    nothing was decided.

    Raises:
        Miss: When records are not in memory.
    """
    storefront = turn.published()
    if storefront is None:
        return NotFound()
    if message.host is not None and not _is_at(turn, storefront, message.host):
        return NotFound()
    outcome = decide(turn, message.request)
    return WithFront(front=front_of(turn, storefront), outcome=cast("Answered", outcome))


def _is_at(turn: Turn, storefront: Storefront, host: str) -> bool:
    """Tell whether a storefront's own pages are on a host: a name that merely leads here is none.

    Its own origin, if that is here; its hosted name; and in development, where no hosted domain is
    configured, ``<slug>.localhost``, which a browser takes for nothing but its own machine.
    """
    domain = storefront.hosted_domain or turn.place.hosted_domain or "localhost"
    origin = urlsplit(storefront.origin).hostname if storefront.origin else None
    return host in {f"{turn.slug}.{domain}", origin}

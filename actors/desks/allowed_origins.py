"""Who lists an origin: shared records of each partition, kept true by the storefronts themselves.

A preflight has no key (Fetch standard, CORS-preflight request), so nobody can tell which storefront
it is for. It is let through when any storefront lists its origin; the real call is then held to its
own storefront's list. Which that is, is found in records that change in the very turn in which a
list does, so that they can never say otherwise.
"""

from collections.abc import Callable, Iterable

from doorward.actors import tokens
from doorward.actors.desks.gathering import together
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.store import FindOrigin, OriginFound
from doorward.actors.records.store import OriginUsers
from doorward.actors.turns import Turn


def find_origin(turn: Turn, message: FindOrigin) -> Outcome:
    """Tell whether any storefront of the partition lists an origin."""
    return OriginFound(listed=turn.ledger.get_shared(OriginUsers, _id(message.origin)) is not None)


def keep(turn: Turn, before: Iterable[str], after: Iterable[str]) -> None:
    """Stage what follows from a storefront's list having changed.

    What is on both lists is looked at too, so that listing an origin again mends its record.

    Raises:
        Miss: Naming every record it looks at that is not in memory.
    """
    listed = {_id(origin) for origin in after}
    touched = sorted({_id(origin) for origin in before} | listed)
    together(*(_reading(turn, name) for name in touched))
    for name in touched:
        known = turn.ledger.get_shared(OriginUsers, name) or OriginUsers()
        others = tuple(slug for slug in known.slugs if slug != turn.slug)
        users = (*others, turn.slug) if name in listed else others
        if len(users) == len(known.slugs):
            continue
        if users:
            turn.ledger.put_shared(OriginUsers(users), name)
        else:
            turn.ledger.delete_shared(OriginUsers, name)


def _reading(turn: Turn, name: str) -> Callable[[], object]:
    return lambda: turn.ledger.get_shared(OriginUsers, name)


def _id(origin: str) -> str:
    return tokens.digest(origin)

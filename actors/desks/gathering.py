"""Finding out at once what several readings miss, so that one round trip brings it all."""

from collections.abc import Callable

from doorward.actors.ledger import Miss


def together(*steps: Callable[[], object]) -> None:
    """Take every step, also after one that missed a record.

    A step that misses must leave nothing half done for the others to stumble over. What the others
    staged is dropped with the run.

    Raises:
        Miss: Naming what all of them miss.
    """
    missing: dict[str, None] = {}
    for step in steps:
        try:
            step()
        except Miss as miss:
            missing.update(dict.fromkeys(miss.keys))
    if missing:
        raise Miss(tuple(missing))

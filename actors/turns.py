"""What a turn is given: one message's worth of a storefront, with time and chance as arguments."""

from dataclasses import dataclass
from typing import Final

from doorward.actors.keyring import Keyring
from doorward.actors.ledger import Event, Ledger
from doorward.actors.records.storefronts import Storefront
from doorward.actors.tokens import Random
from doorward.config.policy import Policy, effective_from_json

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Place:
    """What a whole installation shares: keys, and where it is reached.

    ``fallback_origin`` is what mails name where nothing at all is configured.
    """

    keyring: Keyring
    public_url: str | None = None
    hosted_domain: str | None = None
    fallback_origin: str = "http://localhost:8080"


class Turn:
    """One run of one message against one storefront.

    ``now_ms`` is the storefront's own time: store time, plus what a sandbox clock was advanced by.
    ``burned_before_ms`` is when, in store time, the partition's store was last found to have gone
    back: challenges issued before it are dead.
    """

    __slots__ = ("burned_before_ms", "ledger", "now_ms", "place", "random", "slug", "store_ms")

    def __init__(  # noqa: PLR0913 - a turn is exactly these
        self,
        slug: str,
        ledger: Ledger,
        *,
        store_ms: int,
        random: Random,
        place: Place,
        burned_before_ms: int = 0,
    ) -> None:
        self.slug = slug
        self.ledger = ledger
        self.store_ms = store_ms
        self.now_ms = store_ms
        self.random = random
        self.place = place
        self.burned_before_ms = burned_before_ms

    def of(self, slug: str) -> "Turn":
        """Go on as a storefront of the same partition (see ``Ledger.of``)."""
        return Turn(
            slug,
            self.ledger.of(slug),
            store_ms=self.store_ms,
            random=self.random,
            place=self.place,
            burned_before_ms=self.burned_before_ms,
        )

    def storefront(self) -> Storefront | None:
        """Read the storefront and set ``now_ms`` to its own time.

        Raises:
            Miss: When its record is not in memory.
        """
        record = self.ledger.get(Storefront)
        if record is None or record.erasing:
            return None
        if record.clock_ahead_ms and self.now_ms == self.store_ms:
            self.now_ms += record.clock_ahead_ms
        return record

    def published(self) -> Storefront | None:
        """Read the storefront if the public may see it.

        Raises:
            Miss: When its record is not in memory.
        """
        record = self.storefront()
        return record if record is not None and record.published else None

    def note(self, event: str, **fields: str | int) -> None:
        """Note an event for the log; written only once the turn is durable."""
        self.ledger.events.append(Event(event, self.slug, fields))


def policy_of(storefront: Storefront) -> Policy:
    """Tell the storefront's effective policy: the defaults and its overrides."""
    return effective_from_json(storefront.policy)

"""A storefront's mails without a host: turns on a plain dictionary, and the jobs they stage."""

from collections.abc import Callable

import msgspec

from doorward.actors.keyring import Keyring
from doorward.actors.ledger import Ledger
from doorward.actors.opening import opened
from doorward.actors.partitions import partition_of, record_prefix, shared_prefix
from doorward.actors.post.mail import Mail
from doorward.actors.records.mail import MailJob, MailPage
from doorward.actors.records.orders import Order
from doorward.actors.records.record import Record
from doorward.actors.records.sign_in import Customer, Email
from doorward.actors.records.storefronts import Branding, Storefront
from doorward.actors.tokens import email_id
from doorward.actors.turns import Place, Turn

NOW_MS = 1_800_000_000_000
KEYRING = Keyring([bytes(32)])
PLACE = Place(KEYRING, public_url="https://door.example")
SHOP = Storefront(
    birth="b1",
    display_name="Toko Kopi",
    published=True,
    created_at_ms=1,
    updated_at_ms=1,
    branding=Branding("#0a7c66", None),
)
ORDER = Order(
    id="o1",
    order_number="A-1042",
    number="1042",
    email="ann@example.org",
    currency="IDR",
    status="confirmed",
    payment_status="unpaid",
    fulfillment_status="UNFULFILLED",
    items=(),
    subtotal=1,
    discount=0,
    tax=0,
    shipping=0,
    total=1,
    created_at_ms=1,
    updated_at_ms=1,
    activity_at_ms=1,
    access_key_id=KEYRING.newest,
    access_version=2,
    buyer_name="Ann",
    notes="internal-looking notes",
)


class Memory:
    """Holds all there is: what it does not hold does not exist."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def knows(self, _key: str) -> bool:
        return True

    def look(self, key: str) -> Record | None:
        return self.records.get(key)


class Desk:
    """Runs turns of one storefront, one after the other."""

    def __init__(self, shop: Storefront = SHOP, place: Place = PLACE) -> None:
        self.memory = Memory()
        self.shop = shop
        self.place = place
        self.now_ms = NOW_MS
        self.jobs: list[MailJob] = []

    def run(
        self,
        decide: Callable[..., object],
        *given: object,
        order: Order = ORDER,
        **more: object,
    ) -> object:
        """Run one turn about an order and take over what it staged."""
        prefix, shared = record_prefix("alpha"), shared_prefix(partition_of("alpha"))
        ledger = Ledger(self.memory, {}, prefix=prefix, shared=shared)
        turn = Turn("alpha", ledger, store_ms=self.now_ms, random=ids(), place=self.place)
        told = decide(turn, self.shop, *(given or (order,)), **more)
        for key, write in ledger.writes.items():
            assert write.record is not None
            self.memory.records[key] = write.record
        self.jobs += ledger.mails
        return told

    def mail(self, place: int = -1) -> Mail:
        """Open a mail as it goes out."""
        mail = opened(self.jobs[place], self.place.keyring, at_ms=self.now_ms)
        assert mail is not None
        return mail

    def keep(self, record: Record, name: str) -> None:
        """Put a record into the storefront's memory."""
        self.memory.records[f"{record_prefix('alpha')}{record.kind}:{name}"] = record

    def customer(self, locale: str, email: str = ORDER.email, *, customer_id: str = "c1") -> None:
        """Let somebody have signed in with a language."""
        customer = Customer(customer_id, email, email_verified=True, created_at_ms=1, locale=locale)
        self.keep(customer, customer.id)
        self.keep(Email(customer_id=customer.id), email_id(email))

    def captured(self) -> list[MailJob]:
        """Read what the sandbox storefront keeps."""
        pages = [page for page in self.memory.records.values() if isinstance(page, MailPage)]
        return [job for page in pages for job in page.jobs]


def ids() -> Callable[[int], bytes]:
    """Draw bytes that are no surprise."""
    return lambda length: b"\x07" * length


def with_(**changes: object) -> Storefront:
    """Tell the storefront with something about it changed."""
    return msgspec.structs.replace(SHOP, **changes)

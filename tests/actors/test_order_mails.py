from collections.abc import Callable

import msgspec
import pytest

from doorward.actors.desks import order_mails
from doorward.actors.desks.mails import PAGE_SIZE
from doorward.actors.desks.order_mails import SELLER_QUIET_MS
from doorward.actors.keyring import Keyring
from doorward.actors.ledger import Ledger
from doorward.actors.opening import opened
from doorward.actors.partitions import (
    partition_of,
    partition_of_access_token,
    record_prefix,
    shared_prefix,
)
from doorward.actors.post.mail import OrderNews
from doorward.actors.post.rendering import render
from doorward.actors.records.codec import encode
from doorward.actors.records.mail import MailJob, MailPage
from doorward.actors.records.orders import Order
from doorward.actors.records.record import Record
from doorward.actors.records.storefronts import Branding, Storefront
from doorward.actors.turns import DAY_MS, Place, Turn

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

    def run(self, decide: Callable[[Turn, Storefront, Order], None], order: Order = ORDER) -> None:
        """Run one turn and take over what it staged."""
        prefix, shared = record_prefix("alpha"), shared_prefix(partition_of("alpha"))
        ledger = Ledger(self.memory, {}, prefix=prefix, shared=shared)
        turn = Turn("alpha", ledger, store_ms=self.now_ms, random=ids(), place=self.place)
        decide(turn, self.shop, order)
        for key, write in ledger.writes.items():
            assert write.record is not None
            self.memory.records[key] = write.record
        self.jobs += ledger.mails

    def captured(self) -> list[MailJob]:
        """Read what the sandbox storefront keeps."""
        pages = [page for page in self.memory.records.values() if isinstance(page, MailPage)]
        return [job for page in pages for job in page.jobs]


def ids() -> Callable[[int], bytes]:
    return lambda length: b"\x07" * length


def with_(**changes: object) -> Storefront:
    return msgspec.structs.replace(SHOP, **changes)


def test_a_change_of_status_is_mailed_to_the_buyer() -> None:
    desk = Desk()

    desk.run(order_mails.status_changed)

    assert len(desk.jobs) == 1
    job = desk.jobs[0]
    assert (job.to, job.slug, job.display_name) == ("ann@example.org", "alpha", "Toko Kopi")
    assert job.accent == "#0a7c66"
    assert (job.sent_at_ms, job.expires_at_ms) == (NOW_MS, NOW_MS + 3 * DAY_MS)
    assert not job.letter.urgent


def test_the_mail_leads_to_the_orders_page_by_its_present_token() -> None:
    desk = Desk()
    rotated = msgspec.structs.replace(ORDER, access_version=3)

    desk.run(order_mails.status_changed)
    desk.run(order_mails.status_changed, rotated)

    links = []
    for job, order in zip(desk.jobs, (ORDER, rotated), strict=True):
        mail = opened(job, KEYRING, at_ms=NOW_MS)
        assert mail is not None
        token = KEYRING.access_token(
            KEYRING.newest,
            SHOP.life("alpha"),
            (order.id, order.access_version),
            partition=partition_of("alpha"),
        )
        assert mail.link == f"https://door.example/o/{token}"
        assert partition_of_access_token(token) == partition_of("alpha")
        links.append(mail.link)
    assert len(set(links)) == 2


def test_neither_the_job_nor_its_stored_form_holds_the_token() -> None:
    desk = Desk()

    desk.run(order_mails.status_changed)

    mail = opened(desk.jobs[0], KEYRING, at_ms=NOW_MS)
    assert mail is not None
    assert mail.link is not None
    token = mail.link.rpartition("/")[2]
    assert token.encode() not in encode(desk.jobs[0])
    assert token not in repr(desk.jobs[0])


def test_a_mail_whose_master_key_is_gone_cannot_be_made() -> None:
    desk = Desk()

    desk.run(order_mails.status_changed)

    assert opened(desk.jobs[0], Keyring([b"n" * 32]), at_ms=NOW_MS) is None


@pytest.mark.parametrize(
    ("shop", "place", "origin"),
    [
        ({"origin": "https://own.example"}, PLACE, "https://own.example"),
        ({"hosted_domain": "shops.example"}, PLACE, "https://alpha.shops.example"),
        ({}, PLACE, "https://door.example"),
        ({}, Place(KEYRING, fallback_origin="http://localhost:8099"), "http://localhost:8099"),
    ],
)
def test_the_link_is_below_the_configured_origin(
    shop: dict[str, str], place: Place, origin: str
) -> None:
    desk = Desk(with_(**shop), place)

    desk.run(order_mails.status_changed)

    mail = opened(desk.jobs[0], KEYRING, at_ms=NOW_MS)
    assert mail is not None
    assert (mail.link or "").startswith(f"{origin}/o/")


@pytest.mark.parametrize(
    ("locale", "subject"),
    [
        ("auto", "Order 1042: Confirmed"),
        ("en", "Order 1042: Confirmed"),
        ("id", "Pesanan 1042: Dikonfirmasi"),
    ],
)
def test_the_storefronts_language_is_spoken(locale: str, subject: str) -> None:
    desk = Desk(with_(locale=locale))

    desk.run(order_mails.status_changed)

    mail = opened(desk.jobs[0], KEYRING, at_ms=NOW_MS)
    assert mail is not None
    assert render(mail).subject == subject


def test_an_unpublished_storefront_mails_no_link_that_leads_nowhere() -> None:
    desk = Desk(with_(published=False))

    desk.run(order_mails.status_changed)
    desk.run(order_mails.seller_wrote)

    assert desk.jobs == []
    assert desk.memory.records == {}


def test_a_sandbox_storefronts_order_mail_is_captured_in_its_place() -> None:
    desk = Desk(with_(sandbox=True))

    for _ in range(PAGE_SIZE + 1):
        desk.run(order_mails.status_changed)

    jobs = desk.captured()
    mail = opened(jobs[-1], KEYRING, at_ms=NOW_MS)
    assert desk.jobs == []
    assert len(jobs) == PAGE_SIZE + 1
    assert mail is not None
    assert mail.code is None
    assert (mail.link or "").startswith("https://door.example/o/")
    assert mail.id == f"{PAGE_SIZE:010d}"


def test_that_the_seller_wrote_is_mailed_once_in_ten_minutes() -> None:
    desk = Desk()

    desk.run(order_mails.seller_wrote)
    desk.now_ms += SELLER_QUIET_MS - 1
    desk.run(order_mails.seller_wrote)
    within = len(desk.jobs)
    desk.now_ms += 1
    desk.run(order_mails.seller_wrote)

    mails = [opened(job, KEYRING, at_ms=desk.now_ms) for job in desk.jobs]
    assert within == 1
    assert len(mails) == 2
    for mail in mails:
        assert mail is not None
        assert isinstance(mail.content, OrderNews)
        assert mail.content.news == "remark"


def test_the_ten_minutes_are_each_orders_own_and_hold_back_no_change_of_status() -> None:
    desk = Desk()
    other = msgspec.structs.replace(ORDER, id="o2")

    desk.run(order_mails.seller_wrote)
    desk.run(order_mails.seller_wrote, other)
    desk.run(order_mails.status_changed)

    assert len(desk.jobs) == 3

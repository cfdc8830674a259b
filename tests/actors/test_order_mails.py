from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.actors.desks import mails, order_mails
from doorward.actors.desks.mails import PAGE_SIZE
from doorward.actors.desks.order_mails import SELLER_QUIET_MS
from doorward.actors.keyring import Keyring
from doorward.actors.ledger import Miss
from doorward.actors.opening import opened
from doorward.actors.partitions import partition_of, partition_of_access_token
from doorward.actors.post.mail import OrderNews
from doorward.actors.post.rendering import render
from doorward.actors.records.codec import decode_job, encode
from doorward.actors.records.orders import Order
from doorward.actors.records.record import Record
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import DAY_MS, Place, Turn
from tests.actors.mailing import KEYRING, NOW_MS, ORDER, PLACE, SHOP, Desk, Memory, with_


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
    desk.run(order_mails.status_changed, order=rotated)

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


def test_the_sellers_first_message_is_mailed_at_once_and_the_next_after_ten_minutes() -> None:
    desk = Desk()

    for _ in range(5):
        desk.run(order_mails.seller_wrote)
        desk.now_ms += 1_000

    first, held = desk.jobs
    assert (first.not_before_ms, first.expires_at_ms) == (0, NOW_MS + 3 * DAY_MS)
    assert held.not_before_ms == NOW_MS + SELLER_QUIET_MS
    assert held.expires_at_ms == held.not_before_ms + 3 * DAY_MS
    assert not held.letter.urgent
    for place in (0, 1):
        content = desk.mail(place).content
        assert isinstance(content, OrderNews)
        assert content.news == "remark"


def test_after_ten_quiet_minutes_the_seller_is_heard_at_once_again() -> None:
    desk = Desk()

    desk.run(order_mails.seller_wrote)
    desk.now_ms += SELLER_QUIET_MS
    desk.run(order_mails.seller_wrote)

    assert [job.not_before_ms for job in desk.jobs] == [0, 0]


def test_a_mail_that_was_held_back_says_no_status_that_may_be_over() -> None:
    desk = Desk()

    desk.run(order_mails.seller_wrote)
    desk.run(order_mails.seller_wrote)

    at_once, held = render(desk.mail(0)), render(desk.mail(1))
    assert "Status: Confirmed" in at_once.text
    assert "Confirmed" not in held.text + held.html
    assert "Order: 1042" in held.text
    assert desk.mail(1).sent_at_ms == NOW_MS + SELLER_QUIET_MS


def test_a_mail_that_was_stored_before_mails_were_held_back_is_read() -> None:
    desk = Desk()
    desk.run(order_mails.status_changed)
    (job,) = desk.jobs

    former = msgspec.msgpack.encode(msgspec.to_builtins(job, builtin_types=(bytes,))[:-1])

    assert decode_job(bytes([job.version]) + former) == job


@given(st.lists(st.integers(0, SELLER_QUIET_MS + 60_000), min_size=1, max_size=30))
def test_every_message_is_followed_by_a_mail_and_no_two_mails_are_close(waits: list[int]) -> None:
    desk = Desk()
    written = []

    for wait_ms in waits:
        desk.now_ms += wait_ms
        desk.run(order_mails.seller_wrote)
        written.append(desk.now_ms)

    goes = [max(job.sent_at_ms, job.not_before_ms) for job in desk.jobs]
    assert all(later - earlier >= SELLER_QUIET_MS for earlier, later in pairwise(goes))
    for at_ms in written:
        assert any(at_ms <= went <= at_ms + SELLER_QUIET_MS for went in goes)


def test_the_ten_minutes_are_each_orders_own_and_hold_back_no_change_of_status() -> None:
    desk = Desk()
    other = msgspec.structs.replace(ORDER, id="o2")

    desk.run(order_mails.seller_wrote)
    desk.run(order_mails.seller_wrote, order=other)
    desk.run(order_mails.status_changed)

    assert len(desk.jobs) == 3


@pytest.mark.parametrize(
    ("shop", "signed_in", "spoken"),
    [("auto", "id", "id"), ("auto", "", "en"), ("en", "id", "en"), ("id", "en", "id")],
)
def test_what_nobody_asked_for_is_written_in_the_language_of_the_last_sign_in(
    shop: str, signed_in: str, spoken: str
) -> None:
    desk = Desk(with_(locale=shop, hosted_domain="shops.example"))
    desk.customer(signed_in)

    desk.run(order_mails.seller_wrote)
    desk.run(order_mails.status_link, token_id=b"t" * 20, expires_at_ms=NOW_MS + DAY_MS)

    assert [job.locale for job in desk.jobs] == [spoken, spoken]


def test_nobodys_language_is_looked_up_where_the_storefront_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(with_(locale="id", hosted_domain="shops.example"))
    looked: list[str] = []
    monkeypatch.setattr(desk.memory, "look", looked.append)

    desk.run(order_mails.status_link, token_id=b"t" * 20, expires_at_ms=NOW_MS + DAY_MS)

    assert looked == []
    assert desk.jobs[0].locale == "id"


class Forgetful(Memory):
    """Holds what was asked for once."""

    def __init__(self) -> None:
        super().__init__()
        self.known: set[str] = set()

    def knows(self, key: str) -> bool:
        return key in self.known

    def look(self, key: str) -> Record | None:
        if key not in self.known:
            raise KeyError(key)
        return super().look(key)


def test_the_languages_of_many_buyers_come_in_two_round_trips() -> None:
    desk = Desk()
    desk.memory = Forgetful()
    emails = [f"{number}@example.org" for number in range(20)]
    for email in emails[:15]:
        desk.customer("id", email, customer_id=f"c-{email}")
    trips = []

    def bring(turn: Turn, storefront: Storefront, _order: Order) -> list[str]:
        mails.bring_languages(turn, storefront, emails)
        return [mails.language_of(turn, storefront, email) for email in emails]

    languages = None
    while languages is None:
        try:
            languages = desk.run(bring)
        except Miss as miss:
            desk.memory.known.update(miss.keys)
            trips.append(len(miss.keys))

    assert trips == [20, 15]
    assert languages == ["id"] * 15 + [""] * 5


def test_a_change_of_status_is_written_in_the_language_it_is_given() -> None:
    desk = Desk()

    desk.run(order_mails.status_changed, language="id")

    assert render(desk.mail()).subject == "Pesanan 1042: Dikonfirmasi"


def test_somebody_who_never_signed_in_is_written_to_in_english() -> None:
    desk = Desk()

    desk.run(order_mails.seller_wrote)

    assert desk.jobs[0].locale == "en"


def test_an_orders_status_link_is_mailed_and_confirms_the_order() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))

    mailed = desk.run(
        order_mails.status_link, token_id=b"t" * 20, expires_at_ms=NOW_MS + 90 * DAY_MS
    )

    token = KEYRING.status_token(KEYRING.newest, SHOP.life("alpha"), b"t" * 20)
    rendered = render(desk.mail())
    assert mailed is True
    assert desk.mail().link == f"https://alpha.shops.example/order/{token}/status"
    assert rendered.subject == "Your order 1042 at Toko Kopi"
    assert "Total: Rp\u00a01" in rendered.text
    assert desk.jobs[0].expires_at_ms == NOW_MS + 3 * DAY_MS
    assert token.encode() not in encode(desk.jobs[0])
    assert decode_job(encode(desk.jobs[0])) == desk.jobs[0]
    assert opened(desk.jobs[0], Keyring([b"n" * 32]), at_ms=NOW_MS) is None


def test_a_status_link_is_not_mailed_after_it_is_dead() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))

    desk.run(order_mails.status_link, token_id=b"t" * 20, expires_at_ms=NOW_MS + 1_000)

    assert desk.jobs[0].expires_at_ms == NOW_MS + 1_000


@pytest.mark.parametrize("shop", [{}, {"hosted_domain": "shops.example", "published": False}])
def test_a_status_link_that_would_lead_nowhere_is_not_mailed(shop: dict[str, object]) -> None:
    desk = Desk(with_(**shop))

    mailed = desk.run(order_mails.status_link, token_id=b"t" * 20, expires_at_ms=NOW_MS + DAY_MS)

    assert (mailed, desk.jobs) == (False, [])

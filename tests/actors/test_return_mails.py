import msgspec
import pytest

from doorward.actors.desks import return_mails
from doorward.actors.keyring import Keyring
from doorward.actors.opening import opened
from doorward.actors.partitions import partition_of
from doorward.actors.post.rendering import render
from doorward.actors.records.account import Return, ReturnItem, ReturnStatus
from doorward.actors.records.codec import decode_job, encode
from doorward.actors.records.orders import Order
from doorward.actors.turns import DAY_MS
from tests.actors.mailing import KEYRING, NOW_MS, ORDER, SHOP, Desk, with_

HOSTED = "https://alpha.shops.example"
MAILED: tuple[ReturnStatus, ...] = ("APPROVED", "REJECTED", "COMPLETED")


def a_return(status: ReturnStatus, note: str | None = None) -> Return:
    return Return(
        id="o1-1",
        status=status,
        items=(ReturnItem("1", 1),),
        created_at_ms=NOW_MS,
        updated_at_ms=NOW_MS,
        reason="too small",
        note=note,
    )


def told(desk: Desk, returned: Return, order: Order = ORDER) -> None:
    desk.run(return_mails.changed, order, returned)


@pytest.mark.parametrize("status", MAILED)
def test_the_customer_is_mailed_what_became_of_a_return(status: ReturnStatus) -> None:
    desk = Desk(with_(hosted_domain="shops.example"))

    told(desk, a_return(status))

    (job,) = desk.jobs
    assert (job.to, job.display_name) == ("ann@example.org", "Toko Kopi")
    assert (job.sent_at_ms, job.expires_at_ms) == (NOW_MS, NOW_MS + 3 * DAY_MS)
    assert not job.letter.urgent
    assert render(desk.mail()).subject == f"Return for order 1042: {status.capitalize()}"


@pytest.mark.parametrize("status", ["REQUESTED", "IN_TRANSIT", "RECEIVED", "CANCELLED"])
def test_other_steps_of_a_return_are_not_mailed(status: ReturnStatus) -> None:
    desk = Desk(with_(hosted_domain="shops.example"))

    told(desk, a_return(status))

    assert desk.jobs == []


def test_the_note_is_told_with_a_rejection_and_only_there() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))

    for status in MAILED:
        told(desk, a_return(status, "worn too often"))

    said = ["worn too often" in render(desk.mail(place)).text for place in range(3)]
    assert said == [False, True, False]


def test_a_return_mail_leads_to_the_accounts_page_and_carries_no_secret() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))
    slashed = msgspec.structs.replace(ORDER, order_number="A/10 42?x#é")

    told(desk, a_return("APPROVED"))
    told(desk, a_return("APPROVED"), slashed)

    assert desk.mail(0).link == f"{HOSTED}/account/orders/A-1042"
    assert desk.mail(1).link == f"{HOSTED}/account/orders/A%2F10%2042%3Fx%23%C3%A9"
    assert "sign in" in render(desk.mail(0)).text
    assert opened(desk.jobs[0], Keyring([b"n" * 32]), at_ms=NOW_MS) is not None


def test_where_there_is_no_account_page_the_orders_own_stands_in() -> None:
    desk = Desk()

    told(desk, a_return("APPROVED"))

    token = KEYRING.access_token(
        KEYRING.newest, SHOP.life("alpha"), ("o1", 2), partition=partition_of("alpha")
    )
    assert desk.mail().link == f"https://door.example/o/{token}"
    assert "Whoever has this link" in render(desk.mail()).text
    assert token.encode() not in encode(desk.jobs[0])
    assert opened(desk.jobs[0], Keyring([b"n" * 32]), at_ms=NOW_MS) is None


def test_an_order_whose_master_key_is_gone_gets_a_token_that_opens_it() -> None:
    desk = Desk()

    told(desk, a_return("COMPLETED"), msgspec.structs.replace(ORDER, access_key_id="gone"))

    kept = [record for record in desk.memory.records.values() if isinstance(record, Order)]
    assert [order.access_key_id for order in kept] == [KEYRING.newest]
    assert (desk.mail().link or "").startswith("https://door.example/o/")


def test_an_unpublished_storefront_mails_nothing_of_returns() -> None:
    desk = Desk(with_(hosted_domain="shops.example", published=False))

    told(desk, a_return("APPROVED"))

    assert desk.jobs == []


def test_a_return_is_told_in_the_language_of_the_last_sign_in() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))
    desk.customer("id")

    told(desk, a_return("REJECTED", "terlalu lama"))

    rendered = render(desk.mail())
    assert rendered.subject == "Pengembalian untuk pesanan 1042: Ditolak"
    assert "Penjual menulis:\n\n> terlalu lama\n" in rendered.text


def test_a_return_mail_survives_the_store() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))

    told(desk, a_return("REJECTED", "no"))

    assert decode_job(encode(desk.jobs[0])) == desk.jobs[0]


def test_an_erased_customer_is_not_mailed_about_a_return() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))
    erased = msgspec.structs.replace(ORDER, email="erased-1@erased.invalid")

    told(desk, a_return("APPROVED"), erased)

    assert desk.jobs == []

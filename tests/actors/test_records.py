import msgspec
import pytest

from doorward.actors.errors import RecordUnreadable
from doorward.actors.records.account import (
    ActionEntry,
    ActionToken,
    ActionTokens,
    AddressBook,
    BookAddress,
    Erasure,
    Return,
    ReturnItem,
    Returns,
    StatusToken,
)
from doorward.actors.records.audit import AuditEntry, AuditHead, AuditPage
from doorward.actors.records.codec import KINDS, decode, decode_job, encode
from doorward.actors.records.index import IndexNode, IndexRoot
from doorward.actors.records.mail import (
    MailJob,
    MailPage,
    MailPages,
    OrderLetter,
    SellerMail,
    SignInLetter,
)
from doorward.actors.records.orders import (
    AccessToken,
    Knocks,
    Misses,
    Order,
    OrderItem,
    PostalAddress,
    Proof,
    Remark,
    Service,
    Thread,
    Tracking,
)
from doorward.actors.records.record import Record
from doorward.actors.records.sign_in import Address as AddressRecord
from doorward.actors.records.sign_in import (
    Challenge,
    Customer,
    Device,
    Email,
    Link,
    Password,
    Session,
    SessionEntry,
    Traffic,
)
from doorward.actors.records.store import (
    Family,
    OriginUsers,
    PasswordAddress,
    Reservation,
    Tries,
)
from doorward.actors.records.storefronts import (
    BankAccount,
    Branding,
    Key,
    KeyOwner,
    Keys,
    KeyTraffic,
    Payment,
    Storefront,
)
from doorward.actors.windows import Window

WINDOW = Window((1, 2), (3, 4), 7)
CHALLENGE = Challenge(b"\x00id", "k", 1, 2, has_code=True, has_link=False, wrong=3, burned=True)
JOB = MailJob(
    *("1", "alpha", "alpha/1", "ann@example.org", "Alpha", None, "https://a.example", "en"),
    sent_at_ms=1,
    expires_at_ms=2,
    letter=SignInLetter("/", b"\xff", "k", has_code=True, has_link=True),
)
ORDER_JOB = msgspec.structs.replace(
    JOB, locale="id", letter=OrderLetter("remark", "o1", "1042", "in_progress", "k", 3)
)
FORMER_JOB = (
    *("1", "alpha", "alpha/1", "ann@example.org", "Alpha", None, "https://a.example", "/"),
    *(b"\xff", "k", True, True, 1, 2),
)
"""A mail job as it was stored before there were letters (version 1)."""
EXAMPLES: list[Record] = [
    Storefront(
        birth="b",
        display_name="Älpha",
        published=True,
        created_at_ms=1,
        updated_at_ms=2,
        origin="https://a.example",
        payment=Payment((BankAccount("a", "b", "c"),), "x", "+62"),
        branding=Branding("#123456", None),
        allowed_origins=("https://b.example",),
        clock_ahead_ms=5,
        erasing=True,
    ),
    Email("c", CHALLENGE, WINDOW, WINDOW, 9),
    AddressRecord(WINDOW, WINDOW),
    Traffic(WINDOW, WINDOW, WINDOW),
    Link("ann@example.org", b"\x00"),
    Customer(
        id="c",
        email="ann@example.org",
        email_verified=True,
        created_at_ms=1,
        sessions=(
            SessionEntry("d", 1),
            SessionEntry("d", 1, "i", "account", "Firefox", "192.0.2.0/24", 2, 3),
        ),
        devices=(Device("e", 2),),
        password=Password("$argon2id$", 3, proven=True),
        locale="id",
    ),
    Session("c", 1, 2, "account", "b"),
    Tries(WINDOW, (Reservation("e1", 2, 3),), 4, 5, disabled=True),
    Family("c", "j", 1, 2, 3, 4, "p", 5, revoked=True),
    PasswordAddress(WINDOW, WINDOW),
    OriginUsers(("alpha", "bravo")),
    AddressBook((BookAddress("a", PostalAddress("Ann", "1 Road", "Bandung", "ID"), "Home"),)),
    Returns((Return("o-1", "REQUESTED", (ReturnItem("1", 2),), 3, 4, "why", "note"),)),
    StatusToken("o", 1),
    ActionToken("start_return", "ann@example.org", b"{}", 1),
    Keys((Key("1", "secret", "n", "d", ("orders:read",), 1),)),
    KeyOwner("alpha"),
    MailPage((JOB, ORDER_JOB)),
    MailPages(1, 2, 3),
    SellerMail(4),
    IndexNode(((1, "a"), (2, "b")), (3, 4)),
    IndexRoot(((1, "a"),), (), 5, 1),
    Order(
        id="0" * 32,
        order_number="A-1",
        number="1",
        email="ann@example.org",
        currency="IDR",
        status="requested",
        payment_status="unpaid",
        fulfillment_status="UNFULFILLED",
        items=(OrderItem("1", "Kopi", 2, 50_000, "p", "v"),),
        subtotal=100_000,
        discount=1,
        tax=2,
        shipping=3,
        total=100_004,
        created_at_ms=1,
        updated_at_ms=2,
        activity_at_ms=3,
        access_key_id="k",
        service=Service("s", "S", "fixed"),
        shipping_address=PostalAddress("Ann", "1 Road", "Bandung", "ID"),
        tracking=Tracking("JNE", "1", "https://jne.example/1"),
        hold="ON_HOLD",
        said="PENDING",
        proofs=(Proof("b", "image/png", 4, 5),),
        remarks=6,
        access_digest="d",
    ),
    AccessToken("alpha", "0" * 32),
    Thread((Remark("1", "seller", "Ann", "Hello", 2, internal=True, attachments=("u",)),)),
    Knocks(WINDOW, WINDOW, WINDOW),
    Misses(WINDOW),
    KeyTraffic(WINDOW),
    ActionTokens((ActionEntry("d", 1),)),
    Erasure("ann@example.org", "erased-1@erased.invalid", verified=True, orders=1, mail_page=2),
    AuditHead((AuditEntry(0, 1, "operator", "put_storefront"),), 1, 0),
    AuditPage((AuditEntry(0, 1, "key:1", "put_order", "A-1"),)),
]


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: record.kind)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert decode(record.kind, encode(record)) == record


def test_every_kind_has_an_example_and_a_name_of_its_own() -> None:
    assert {record.kind for record in EXAMPLES} == set(KINDS)
    assert len({type(record) for record in EXAMPLES}) == len(KINDS)
    assert all(":" not in kind for kind in KINDS)


@pytest.mark.parametrize("job", [JOB, ORDER_JOB])
def test_a_mail_job_is_read_as_it_was_written(job: MailJob) -> None:
    assert decode_job(encode(job)) == job


def test_a_mail_job_of_an_earlier_release_is_read_as_one_of_today() -> None:
    stored = b"\x01" + msgspec.msgpack.encode(FORMER_JOB)

    assert decode_job(stored) == JOB


def test_captured_mail_of_an_earlier_release_is_read_as_that_of_today() -> None:
    stored = b"\x01" + msgspec.msgpack.encode([[FORMER_JOB, FORMER_JOB]])

    assert decode("mail-page", stored) == MailPage((JOB, JOB))


@pytest.mark.parametrize("version", [0, 3, 255])
def test_mail_of_a_version_nobody_knows_is_refused(version: int) -> None:
    with pytest.raises(RecordUnreadable):
        decode_job(bytes([version]) + encode(JOB)[1:])
    with pytest.raises(RecordUnreadable):
        decode("mail-page", bytes([version]) + encode(MailPage((JOB,)))[1:])


def test_mail_of_an_earlier_version_that_is_damaged_is_refused() -> None:
    with pytest.raises(RecordUnreadable):
        decode_job(b"\x01" + msgspec.msgpack.encode(FORMER_JOB[:-1]))
    with pytest.raises(RecordUnreadable):
        decode("mail-page", b"\x01" + msgspec.msgpack.encode([[FORMER_JOB[:-1]]]))


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: record.kind)
def test_a_shorter_record_of_an_earlier_release_is_filled_up(record: Record) -> None:
    fields = msgspec.structs.fields(record)
    required = sum(field.required for field in fields)
    stored = msgspec.msgpack.decode(encode(record)[1:])[:required]

    read = decode(record.kind, bytes([record.version]) + msgspec.msgpack.encode(stored))

    assert type(read) is type(record)
    assert all(
        getattr(read, field.name) == field.default
        for field in fields[required:]
        if field.default is not msgspec.NODEFAULT
    )


@pytest.mark.parametrize(
    "stored", [b"", b"\x00", b"\x01", b"\x02" + encode(Traffic())[1:], b"\x01\xc1", b"\x01\x91\x05"]
)
def test_what_cannot_be_read_is_refused_and_never_guessed_at(stored: bytes) -> None:
    with pytest.raises(RecordUnreadable):
        decode("traffic", stored)
    with pytest.raises(RecordUnreadable):
        decode_job(stored)


def test_a_kind_nobody_knows_is_refused() -> None:
    with pytest.raises(RecordUnreadable) as refused:
        decode("unheard-of", encode(Traffic()))

    assert refused.value.kind == "unheard-of"


def test_a_storefronts_life_names_slug_and_birth() -> None:
    storefront = EXAMPLES[0]
    assert isinstance(storefront, Storefront)

    assert storefront.life("alpha") == "alpha/b"

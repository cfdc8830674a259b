import msgspec
import pytest

from doorward.actors.errors import RecordUnreadable
from doorward.actors.records.codec import KINDS, VERSION, decode, decode_job, encode
from doorward.actors.records.mail import MailJob, MailPage, MailPages
from doorward.actors.records.record import Record
from doorward.actors.records.sign_in import Address as AddressRecord
from doorward.actors.records.sign_in import (
    Challenge,
    Customer,
    Device,
    Email,
    Link,
    Session,
    SessionEntry,
    Traffic,
)
from doorward.actors.records.storefronts import (
    BankAccount,
    Branding,
    Key,
    KeyOwner,
    Keys,
    Payment,
    Storefront,
)
from doorward.actors.windows import Window

WINDOW = Window((1, 2), (3, 4), 7)
CHALLENGE = Challenge(b"\x00id", "k", 1, 2, has_code=True, has_link=False, wrong=3, burned=True)
JOB = MailJob(
    *("1", "alpha", "alpha/1", "ann@example.org", "Alpha", None, "https://a.example", "/"),
    challenge_id=b"\xff",
    key_id="k",
    has_code=True,
    has_link=True,
    sent_at_ms=1,
    expires_at_ms=2,
)
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
        sessions=(SessionEntry("d", 1),),
        devices=(Device("e", 2),),
    ),
    Session("c", 1, 2),
    Keys((Key("1", "secret", "n", "d", ("orders:read",), 1),)),
    KeyOwner("alpha"),
    MailPage((JOB,)),
    MailPages(1, 2, 3),
]


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: record.kind)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert decode(record.kind, encode(record)) == record


def test_every_kind_has_an_example_and_a_name_of_its_own() -> None:
    assert {record.kind for record in EXAMPLES} == set(KINDS)
    assert len({type(record) for record in EXAMPLES}) == len(KINDS)
    assert all(":" not in kind for kind in KINDS)


def test_a_mail_job_is_read_as_it_was_written() -> None:
    assert decode_job(encode(JOB)) == JOB


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: record.kind)
def test_a_shorter_record_of_an_earlier_release_is_filled_up(record: Record) -> None:
    fields = msgspec.structs.fields(record)
    required = sum(field.required for field in fields)
    stored = msgspec.msgpack.decode(encode(record)[1:])[:required]

    read = decode(record.kind, bytes([VERSION]) + msgspec.msgpack.encode(stored))

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

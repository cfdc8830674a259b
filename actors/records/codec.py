"""Records as bytes: one version byte and a MessagePack array.

A record of an earlier version is upgraded as it is read; one from a newer Doorward is refused,
never guessed at.
"""

from typing import Final

import msgspec

from doorward.actors.errors import RecordUnreadable
from doorward.actors.records.account import (
    ActionToken,
    ActionTokens,
    AddressBook,
    Erasure,
    Returns,
    StatusToken,
)
from doorward.actors.records.audit import AuditHead, AuditPage
from doorward.actors.records.former_mail import FormerJob, FormerPage
from doorward.actors.records.index import IndexNode, IndexRoot
from doorward.actors.records.mail import MailJob, MailPage, MailPages, SellerMail
from doorward.actors.records.orders import AccessToken, Knocks, Misses, Order, Thread
from doorward.actors.records.record import Record
from doorward.actors.records.sign_in import Address, Customer, Email, Link, Session, Traffic
from doorward.actors.records.store import Family, OriginUsers, PasswordAddress, Tries
from doorward.actors.records.storefronts import KeyOwner, Keys, KeyTraffic, Storefront

KINDS: Final[dict[str, type[Record]]] = {
    record.kind: record
    for record in (
        Storefront,
        Email,
        Address,
        Traffic,
        Link,
        Customer,
        Session,
        Keys,
        KeyOwner,
        MailPage,
        MailPages,
        SellerMail,
        IndexNode,
        IndexRoot,
        Order,
        AccessToken,
        Thread,
        Knocks,
        Misses,
        KeyTraffic,
        AddressBook,
        Returns,
        StatusToken,
        ActionToken,
        ActionTokens,
        Erasure,
        AuditHead,
        AuditPage,
        Tries,
        Family,
        PasswordAddress,
        OriginUsers,
    )
}


_encoder: Final = msgspec.msgpack.Encoder()


_decoders: Final[dict[tuple[str, bytes], msgspec.msgpack.Decoder[Record]]] = {
    (kind, bytes([record.version])): msgspec.msgpack.Decoder(record)
    for kind, record in KINDS.items()
}


_FORMER: Final = b"\x01"
_former_pages: Final = msgspec.msgpack.Decoder(FormerPage)


def encode(record: Record | MailJob) -> bytes:
    """Turn a record into its stored form."""
    return bytes((record.version,)) + _encoder.encode(record)


def decode(kind: str, stored: bytes) -> Record:
    """Turn a stored form back into its record.

    Raises:
        RecordUnreadable: When it is damaged or its version is not this one.
    """
    decoder = _decoders.get((kind, stored[:1]))
    try:
        if decoder is not None:
            return decoder.decode(memoryview(stored)[1:])
        if kind == MailPage.kind and stored[:1] == _FORMER:
            return _former_pages.decode(memoryview(stored)[1:]).upgraded()
    except msgspec.MsgspecError as error:
        raise RecordUnreadable(kind, type(error).__name__) from error
    raise RecordUnreadable(kind, f"version {stored[:1].hex()} is not known here")


_JOB: Final = bytes([MailJob.version])
_job_decoder: Final = msgspec.msgpack.Decoder(MailJob)
_former_job_decoder: Final = msgspec.msgpack.Decoder(FormerJob)


def decode_job(stored: bytes) -> MailJob:
    """Turn an outbox entry back into its mail job.

    Raises:
        RecordUnreadable: When it is damaged or its version is not this one.
    """
    try:
        if stored[:1] == _JOB:
            return _job_decoder.decode(memoryview(stored)[1:])
        if stored[:1] == _FORMER:
            return _former_job_decoder.decode(memoryview(stored)[1:]).upgraded()
    except msgspec.MsgspecError as error:
        raise RecordUnreadable("mail", type(error).__name__) from error
    raise RecordUnreadable("mail", f"version {stored[:1].hex()} is not known here")

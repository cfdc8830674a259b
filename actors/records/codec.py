"""Records as bytes: one version byte and a MessagePack array.

A record from a newer Doorward is refused, never guessed at.
"""

from typing import Final

import msgspec

from doorward.actors.errors import RecordUnreadable
from doorward.actors.records.mail import MailJob, MailPage, MailPages
from doorward.actors.records.record import Record
from doorward.actors.records.sign_in import Address, Customer, Email, Link, Session, Traffic
from doorward.actors.records.storefronts import KeyOwner, Keys, Storefront

VERSION: Final = 1


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
    )
}


_encoder: Final = msgspec.msgpack.Encoder()


_decoders: Final[dict[str, msgspec.msgpack.Decoder[Record]]] = {
    kind: msgspec.msgpack.Decoder(record) for kind, record in KINDS.items()
}


_PREFIX: Final = bytes([VERSION])


def encode(record: Record | MailJob) -> bytes:
    """Turn a record into its stored form."""
    return _PREFIX + _encoder.encode(record)


def decode(kind: str, stored: bytes) -> Record:
    """Turn a stored form back into its record.

    Raises:
        RecordUnreadable: When it is damaged or its version is not this one.
    """
    if stored[:1] != _PREFIX:
        raise RecordUnreadable(kind, f"version {stored[:1].hex()} is not known here")
    try:
        return _decoders[kind].decode(memoryview(stored)[1:])
    except (msgspec.MsgspecError, KeyError) as error:
        raise RecordUnreadable(kind, type(error).__name__) from error


_job_decoder: Final = msgspec.msgpack.Decoder(MailJob)


def decode_job(stored: bytes) -> MailJob:
    """Turn an outbox entry back into its mail job.

    Raises:
        RecordUnreadable: When it is damaged or its version is not this one.
    """
    if stored[:1] != _PREFIX:
        raise RecordUnreadable("mail", f"version {stored[:1].hex()} is not known here")
    try:
        return _job_decoder.decode(memoryview(stored)[1:])
    except msgspec.MsgspecError as error:
        raise RecordUnreadable("mail", type(error).__name__) from error

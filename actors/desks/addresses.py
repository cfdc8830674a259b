"""A customer's address book (contract §3): at most 50 entries, one default of each sort at most.

It is one record: 50 entries of the longest lines are 60 KB, of usual ones 8, and whatever sets a
default changes two entries at once.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import UNSET
from msgspec.structs import asdict, replace

from doorward.actors import tokens
from doorward.actors.desks.account_sessions import Visit, visiting
from doorward.actors.desks.countries import COUNTRIES
from doorward.actors.desks.storefronts import front_of
from doorward.actors.desks.text_rules import (
    LINE_LENGTH,
    LINE_RULE,
    PHONE_RULE,
    is_line,
    is_phone,
)
from doorward.actors.messages.account import (
    AddAddress,
    AddressFields,
    AddressFound,
    AddressList,
    ChangeAddress,
    GetAddress,
    LimitReached,
    ListAddresses,
    RemoveAddress,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Deleted, Invalid, NotFound
from doorward.actors.records.account import AddressBook, BookAddress
from doorward.actors.records.orders import PostalAddress
from doorward.actors.turns import Turn

ADDRESSES_MAX: Final = 50
_LINE_LENGTH: Final = 200
_SHORT: Final = frozenset({"name", "label"})
_LINES: Final = {
    "name": "name",
    "label": "label",
    "company": "company",
    "line1": "line1",
    "line2": "line2",
    "city": "city",
    "region": "region",
    "postal_code": "postalCode",
}
_REQUIRED: Final = ("name", "line1", "city", "country")
_FLAGS: Final = ("is_default_shipping", "is_default_billing")


@visiting
def list_addresses(turn: Turn, visit: Visit, _message: ListAddresses) -> Outcome:
    """Read the address book."""
    front = front_of(turn, visit.storefront)
    return AddressList(front=front, entries=_book(turn, visit).entries)


@visiting
def get_address(turn: Turn, visit: Visit, message: GetAddress) -> Outcome:
    """Read one address."""
    entry = _entry(_book(turn, visit), message.address_id)
    return NotFound() if entry is None else AddressFound(entry=entry)


@visiting
def add_address(turn: Turn, visit: Visit, message: AddAddress) -> Outcome:
    """Add an address."""
    book = _book(turn, visit)
    for name in _REQUIRED:
        if getattr(message.fields, name) is UNSET:
            return Invalid(name=name, rule="is required")
    if invalid := next(_faults(message.fields), None):
        return invalid
    if len(book.entries) >= ADDRESSES_MAX:
        return LimitReached(reason=f"an address book holds at most {ADDRESSES_MAX} addresses")
    blank = BookAddress(id=tokens.identifier(turn.random), address=PostalAddress("", "", "", ""))
    entry = _changed(blank, message.fields)
    _keep(turn, visit, (*book.entries, entry), entry)
    return AddressFound(entry=entry, created=True)


@visiting
def change_address(turn: Turn, visit: Visit, message: ChangeAddress) -> Outcome:
    """Change an address; what is unset stays, None clears."""
    book = _book(turn, visit)
    before = _entry(book, message.address_id)
    if before is None:
        return NotFound()
    if invalid := next(_faults(message.fields), None):
        return invalid
    entry = _changed(before, message.fields)
    if entry != before:
        _keep(turn, visit, tuple(entry if e is before else e for e in book.entries), entry)
    return AddressFound(entry=entry)


@visiting
def remove_address(turn: Turn, visit: Visit, message: RemoveAddress) -> Outcome:
    """Remove an address; a default that goes leaves none."""
    book = _book(turn, visit)
    if _entry(book, message.address_id) is None:
        return NotFound()
    left = tuple(entry for entry in book.entries if entry.id != message.address_id)
    turn.ledger.put(AddressBook(left), visit.customer.id)
    return Deleted()


def _book(turn: Turn, visit: Visit) -> AddressBook:
    return turn.ledger.get(AddressBook, visit.customer.id) or AddressBook()


def _entry(book: AddressBook, address_id: str) -> BookAddress | None:
    return next((entry for entry in book.entries if entry.id == address_id), None)


def _changed(entry: BookAddress, fields: AddressFields) -> BookAddress:
    """Make the entry that fields lead to; they have been held to their rules."""
    given = {name: value for name, value in asdict(fields).items() if value is not UNSET}
    own = {name: given.pop(name) for name in ("label", *_FLAGS) if name in given}
    return replace(entry, address=replace(entry.address, **given), **own)


def _keep(turn: Turn, visit: Visit, entries: tuple[BookAddress, ...], newest: BookAddress) -> None:
    """Stage the book; what ``newest`` is the default for, no other entry is any more."""
    taken = {name: False for name in _FLAGS if getattr(newest, name)}
    kept = tuple(entry if entry is newest else replace(entry, **taken) for entry in entries)
    turn.ledger.put(AddressBook(kept), visit.customer.id)


def _faults(fields: AddressFields) -> Iterator[Invalid]:
    for name, shown in _LINES.items():
        line = getattr(fields, name)
        longest = LINE_LENGTH if name in _SHORT else _LINE_LENGTH
        if line is UNSET or (line is None and name not in _REQUIRED):
            continue
        if line is None or not is_line(line, longest):
            yield Invalid(name=shown, rule=LINE_RULE.format(longest))
    if fields.country is not UNSET and fields.country not in COUNTRIES:
        yield Invalid(name="country", rule="must be an ISO 3166-1 alpha-2 code, like ID")
    if isinstance(fields.phone, str) and not is_phone(fields.phone):
        yield Invalid(name="phone", rule=PHONE_RULE)

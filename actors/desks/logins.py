"""Signing in by password: a try is reserved, compared elsewhere, and settled (``lockouts``).

What is read and written, and what is answered, is the same whether an email has a customer, a
password, one that was turned off, or nothing at all: an unknown email is counted and locked like
any other, and is told by no answer, no mail and no cost.

The address's limit is looked at before the lock (contract §4): who is refused by it learns nothing
of the lock. A lock stands in the way of passwords only; codes, links, sessions and families never
ask for it.
"""

from typing import Final, NamedTuple

from msgspec.structs import replace

from doorward.actors import tokens
from doorward.actors.desks import (
    audit,
    devices,
    lockouts,
    password_addresses,
    shop_entries,
    store_mails,
)
from doorward.actors.desks.callers import admitted
from doorward.actors.desks.lockouts import RESERVED_MS, Lanes, LockRules
from doorward.actors.desks.store_keys import store_keyed
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.store import (
    BeginLogin,
    FinishLogin,
    Locked,
    LoginBegun,
    LoginRefused,
    LoginReleased,
    LoginWaits,
)
from doorward.actors.records.audit import AuditHead
from doorward.actors.records.record import Record
from doorward.actors.records.sign_in import Customer, Email, Password
from doorward.actors.records.store import PasswordAddress, Reservation, Tries
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

LOCKER: Final = "doorward"
"""Who locked, for the audit log: nobody that could be named."""
_ID_BYTES: Final = 16
_DEVICE_LANE: Final = "d"
_EMAIL_LANE: Final = "e"


class _Door(NamedTuple):
    """What a try at an email's password is about, as it was read."""

    email: str
    customer: Customer | None
    device: str | None
    lanes: Lanes

    def password(self, lanes: Lanes) -> Password | None:
        """Tell the password, if there is one and it is not turned off."""
        return None if self.customer is None or lanes.email.disabled else self.customer.password


@store_keyed
def begin_login(turn: Turn, storefront: Storefront, message: BeginLogin) -> Outcome:
    """Reserve a try and tell what to compare with, unless it is locked or must wait."""
    caller = admitted(turn, storefront, message.caller)
    if not isinstance(caller, Caller):
        return caller
    if not message.waiting:
        # All of it, so that one round trip brings what is not in memory.
        address = (PasswordAddress, tokens.address_id(caller.address))
        turn.ledger.need(address, *_names(message.email, message.device))
        refused = password_addresses.login_refused(turn, storefront, caller.address)
        if refused is not None:
            return refused
    door = _read(turn, message.email, message.device)
    rules = lockouts.rules_of(storefront.policy)
    lanes = _current(door, rules, turn.now_ms)
    wait_ms = lockouts.wait_ms(lanes, turn.now_ms)
    if wait_ms or not lockouts.has_room(lanes, rules, turn.now_ms):
        _keep(turn, storefront, door, lanes, caller)
        return Locked(wait_ms=wait_ms) if wait_ms else LoginWaits()
    password = door.password(lanes)
    reservation = _reservation(turn, lanes, password)
    _keep(turn, storefront, door, lockouts.reserved(lanes, reservation), caller)
    password_hash = password.hash if password is not None else None
    return LoginBegun(reservation=reservation.id, password_hash=password_hash)


@store_keyed
def finish_login(turn: Turn, storefront: Storefront, message: FinishLogin) -> Outcome:
    """Settle a try, once; a right one signs in if the password is still the one compared with."""
    caller = admitted(turn, storefront, message.caller)
    if not isinstance(caller, Caller):
        return caller
    device = message.device if message.reservation.startswith(_DEVICE_LANE) else None
    door = _read(turn, message.email, device, reserved=True)
    rules = lockouts.rules_of(storefront.policy)
    lanes = _current(door, rules, turn.now_ms)
    reservation = lockouts.reservation_of(lanes, message.reservation)
    if reservation is None:
        # Settled before, or it was counted as wrong at its deadline.
        return _refused(turn, storefront, door, lanes, caller)
    if message.verdict == "unevaluated":
        _keep(turn, storefront, door, lockouts.released(lanes, reservation), caller)
        return LoginReleased()
    password, customer = door.password(lanes), door.customer
    if (
        message.verdict == "wrong"
        or customer is None
        or password is None
        or not _is_same(password, reservation, message)
    ):
        lanes = lockouts.wrong(lanes, rules, reservation, turn.now_ms)
        return _refused(turn, storefront, door, lanes, caller)
    _keep(turn, storefront, door, lockouts.right(lanes, reservation), caller)
    customer = replace(customer, password=_rehashed(password, message))
    return shop_entries.let_in(turn, storefront, customer, caller=caller, device=message.device)


def forget(turn: Turn, storefront: Storefront, customer: Customer) -> None:
    """Stage what is left of a customer's tries: what bounds guesses at the email, while it does.

    Raises:
        Miss: When the tries are not in memory.
    """
    name = tokens.email_id(customer.email)
    tries = turn.ledger.get(Tries, name)
    if tries is not None:
        left = replace(tries, in_a_row=0, disabled=False)
        rules = lockouts.rules_of(storefront.policy)
        keep_ms = lockouts.keep_ms(left, rules, turn.now_ms, is_customers=False)
        turn.ledger.put(left, name, keep_ms=keep_ms)
    for device in customer.devices:
        turn.ledger.delete(Tries, lane_of(customer.email, device.digest))


def lane_of(email: str, device: str) -> str:
    """Name the tries of a known device (by the SHA-256 of its secret) at an email's password."""
    return f"{tokens.email_id(email)}-{device}"


def _names(email: str, device: str | None) -> list[tuple[type[Record], str]]:
    email_id = tokens.email_id(email)
    lanes = [email_id] if device is None else [email_id, lane_of(email, device)]
    return [(Email, email_id), *((Tries, lane) for lane in lanes)]


def _read(turn: Turn, email: str, device: str | None, *, reserved: bool = False) -> _Door:
    """Read what a try is about; ``reserved``: it counts for the device, known still or not."""
    turn.ledger.need(*_names(email, device))
    email_id = tokens.email_id(email)
    owner = turn.ledger.get(Email, email_id)
    customer_id = owner.customer_id if owner is not None else None
    # Looked for also where there is none, so that known and unknown emails cost the same.
    customer = turn.ledger.get(Customer, customer_id or email_id)
    lanes = Lanes(turn.ledger.get(Tries, email_id) or Tries())
    if device is not None and (reserved or devices.is_known(turn, customer, device)):
        of_device = turn.ledger.get(Tries, lane_of(email, device)) or Tries()
        return _Door(email, customer, device, lanes._replace(device=of_device))
    return _Door(email, customer, None, lanes)


def _current(door: _Door, rules: LockRules, now_ms: int) -> Lanes:
    """Tell how the tries stand now."""
    lanes, customer = door.lanes, door.customer
    if lanes.device is not None and customer is not None and customer.password is not None:
        # Whoever sets one sees to the email's tries; a device finds out when it comes back.
        begun = lockouts.since(lanes.device, rules, customer.password.set_at_ms)
        lanes = lanes._replace(device=begun)
    return lockouts.aged(lanes, rules, now_ms)


def _reservation(turn: Turn, lanes: Lanes, password: Password | None) -> Reservation:
    """Make a reservation; its id tells its lane, for a device may be forgotten meanwhile."""
    lane = _EMAIL_LANE if lanes.device is None else _DEVICE_LANE
    return Reservation(
        id=lane + turn.random(_ID_BYTES).hex(),
        until_ms=turn.now_ms + RESERVED_MS,
        password_ms=password.set_at_ms if password is not None else 0,
    )


def _is_same(password: Password, reservation: Reservation, message: FinishLogin) -> bool:
    """Tell whether what was compared with is the password still.

    It may have been hashed anew meanwhile, by another login with the same password.
    """
    return password.hash == message.compared_with or password.set_at_ms == reservation.password_ms


def _rehashed(password: Password, message: FinishLogin) -> Password:
    if message.rehash is None or password.hash != message.compared_with:
        return password
    return replace(password, hash=message.rehash)


def _refused(
    turn: Turn, storefront: Storefront, door: _Door, lanes: Lanes, caller: Caller
) -> LoginRefused:
    _keep(turn, storefront, door, lanes, caller)
    turn.note("sign_in_refused", request_id=caller.request_id)
    return LoginRefused()


def _keep(turn: Turn, storefront: Storefront, door: _Door, lanes: Lanes, caller: Caller) -> None:
    """Stage what changed about the tries; tell of a lock that is new, and of a password's end."""
    rules, is_customers = lockouts.rules_of(storefront.policy), door.customer is not None
    before = door.lanes
    if lanes.email != before.email:
        keep_ms = lockouts.keep_ms(lanes.email, rules, turn.now_ms, is_customers=is_customers)
        turn.ledger.put(lanes.email, tokens.email_id(door.email), keep_ms=keep_ms)
    if lanes.device is not None and door.device is not None and lanes.device != before.device:
        keep_ms = lockouts.keep_ms(lanes.device, rules, turn.now_ms, is_customers=is_customers)
        turn.ledger.put(lanes.device, lane_of(door.email, door.device), keep_ms=keep_ms)
    if lanes.own.locked_until_ms > before.own.locked_until_ms:
        _log(turn, door.customer, "password_locked", caller)
        # One that was over before anybody noticed locked nobody out. At a known device they know,
        # and the link would end the lock that is everybody else's.
        if lanes.device is None and lockouts.wait_ms(lanes, turn.now_ms):
            store_mails.locked(turn, storefront, door.email, door.customer, caller)
    if lanes.email.disabled and not before.email.disabled:
        _log(turn, door.customer, "password_disabled", caller)
        store_mails.password_disabled(turn, storefront, door.email, door.customer, caller)


def _log(turn: Turn, customer: Customer | None, what: str, caller: Caller) -> None:
    turn.note(what, customer=customer.id if customer else "", request_id=caller.request_id)
    if customer is not None:
        audit.kept(turn, LOCKER, what, customer.id)
    else:
        # As if it were logged: locks of made-up emails must not crowd out what is worth reading.
        turn.ledger.put(turn.ledger.get(AuditHead) or AuditHead())

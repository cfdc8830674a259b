"""How often one client address may try to sign in by password, and to sign up (contract §4).

It is held against whoever tries one password on many emails, whom no lock meets; a call that is
refused does not count.
"""

from msgspec.structs import replace

from doorward.actors import tokens, windows
from doorward.actors.desks.limits import passed
from doorward.actors.messages.refusals import TooMany
from doorward.actors.records.store import PasswordAddress
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import MINUTE_MS, Turn, policy_of
from doorward.actors.windows import Rule

_NEW: PasswordAddress = PasswordAddress()


def login_refused(turn: Turn, storefront: Storefront, address: str) -> TooMany | None:
    """Count a login, or refuse it.

    Raises:
        Miss: When the address's record is not in memory.
    """
    limit = policy_of(storefront).passwords.logins_per_address_per_minute
    rule = Rule("passwords.logins", limit, MINUTE_MS)
    known = _of(turn, address)
    standing = passed(((known.logins, rule),), turn.now_ms)
    if isinstance(standing, TooMany):
        return standing
    logins = windows.counted(known.logins, rule, turn.now_ms)
    _keep(turn, address, replace(known, logins=logins))
    return None


def sign_up_refused(turn: Turn, storefront: Storefront, address: str) -> TooMany | None:
    """Count a sign-up, or refuse it.

    Raises:
        Miss: When the address's record is not in memory.
    """
    limit = policy_of(storefront).passwords.sign_ups_per_address_per_minute
    rule = Rule("passwords.sign_ups", limit, MINUTE_MS)
    known = _of(turn, address)
    standing = passed(((known.sign_ups, rule),), turn.now_ms)
    if isinstance(standing, TooMany):
        return standing
    sign_ups = windows.counted(known.sign_ups, rule, turn.now_ms)
    _keep(turn, address, replace(known, sign_ups=sign_ups))
    return None


def _of(turn: Turn, address: str) -> PasswordAddress:
    return turn.ledger.get(PasswordAddress, tokens.address_id(address)) or _NEW


def _keep(turn: Turn, address: str, record: PasswordAddress) -> None:
    turn.ledger.put(record, tokens.address_id(address), keep_ms=MINUTE_MS)

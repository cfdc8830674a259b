"""The three records every knock is counted in, read and written together."""

from typing import Final

import msgspec
from msgspec.structs import replace

from doorward.actors import tokens, windows
from doorward.actors.desks.limits import DAY_MS, HOUR_MS, MINUTE_MS, Rules, passed
from doorward.actors.messages.refusals import TooMany
from doorward.actors.records.sign_in import Address, Challenge, Email, Traffic
from doorward.actors.turns import Turn
from doorward.actors.windows import Standing
from doorward.config.policy import Policy

_NEW_EMAIL: Final = Email()
_NEW_ADDRESS: Final = Address()
_NEW_TRAFFIC: Final = Traffic()


class Tallies(msgspec.Struct, frozen=True, gc=False):
    """What is counted of a storefront, a client address and an email, as one value."""

    address_id: str
    email_id: str
    traffic: Traffic
    address: Address
    email: Email

    def with_email(self, email: Email) -> "Tallies":
        """Replace the email's part."""
        return replace(self, email=email)

    def with_challenge(self, challenge: Challenge | None) -> "Tallies":
        """Replace the email's challenge; None once it is answered, by code or by link."""
        return replace(self, email=replace(self.email, challenge=challenge))


def read(turn: Turn, *, address: str, email: str) -> Tallies:
    """Read all three, in one round trip where they are not in memory.

    Raises:
        Miss: Naming those that are not in memory.
    """
    address_id, email_id = tokens.address_id(address), tokens.email_id(email)
    turn.ledger.need((Traffic, ""), (Address, address_id), (Email, email_id))
    return Tallies(
        address_id,
        email_id,
        turn.ledger.get(Traffic) or _NEW_TRAFFIC,
        turn.ledger.get(Address, address_id) or _NEW_ADDRESS,
        turn.ledger.get(Email, email_id) or _NEW_EMAIL,
    )


def write(turn: Turn, tallies: Tallies) -> None:
    """Stage all three, each for as long as its windows look back."""
    write_volume(turn, tallies)
    turn.ledger.put(
        tallies.email, tallies.email_id, keep_ms=email_keep_ms(tallies.email, turn.now_ms)
    )


def write_volume(turn: Turn, tallies: Tallies) -> None:
    """Stage what is counted by storefront and address only."""
    turn.ledger.put(tallies.traffic, keep_ms=HOUR_MS)
    turn.ledger.put(tallies.address, tallies.address_id, keep_ms=MINUTE_MS)


def email_keep_ms(email: Email, now_ms: int) -> int | None:
    """Tell how long an email's record means anything; for good once it is a customer's."""
    if email.customer_id is not None:
        return None
    last_code = email.codes.times[-1] + DAY_MS if email.codes.times else 0
    last_guess = email.guesses.times[-1] + DAY_MS if email.guesses.times else 0
    expiry = email.challenge.expires_at_ms if email.challenge else 0
    return max(last_code, last_guess, expiry, email.links_until_ms, now_ms) - now_ms


def count_code(tallies: Tallies, rules: Rules, now_ms: int) -> TooMany | tuple[Tallies, Standing]:
    """Count a code request in all its windows, or in none and say which is full."""
    by_storefront, by_address = rules.codes_per_storefront, rules.codes_per_address
    by_email = rules.codes_per_email
    traffic, address, email = tallies.traffic, tallies.address, tallies.email
    standing = passed(
        (
            (traffic.codes, by_storefront),
            (address.codes, by_address),
            (email.codes, by_email[0]),
            (email.codes, by_email[1]),
            (email.codes, by_email[2]),
        ),
        now_ms,
    )
    if isinstance(standing, TooMany):
        return standing
    return replace(
        tallies,
        traffic=replace(traffic, codes=windows.counted(traffic.codes, by_storefront, now_ms)),
        address=replace(address, codes=windows.counted(address.codes, by_address, now_ms)),
        email=replace(email, codes=windows.counted(email.codes, by_email[2], now_ms)),
    ), standing


def count_request(
    tallies: Tallies, rules: Rules, now_ms: int
) -> TooMany | tuple[Tallies, Standing, bool]:
    """Count a code request that answers the same whoever's the email is (contract §3).

    Returns:
        The refusal of the storefront's or the address's window; else the new tallies, how the
        tighter of those two stands, and whether the email's own budget covers it. Where it does
        not, the email's part is as it was.
    """
    by_storefront, by_address = rules.codes_per_storefront, rules.codes_per_address
    traffic, address, email = tallies.traffic, tallies.address, tallies.email
    standing = passed(((traffic.codes, by_storefront), (address.codes, by_address)), now_ms)
    if isinstance(standing, TooMany):
        return standing
    left = [windows.remaining(email.codes, rule, now_ms) for rule in rules.codes_per_email]
    counted = windows.counted(email.codes, rules.codes_per_email[2], now_ms)
    within = min(left) > 0
    tallies = replace(
        tallies,
        traffic=replace(traffic, codes=windows.counted(traffic.codes, by_storefront, now_ms)),
        address=replace(address, codes=windows.counted(address.codes, by_address, now_ms)),
        email=replace(email, codes=counted) if within else email,
    )
    return tallies, standing, within


def count_verification(
    tallies: Tallies, rules: Rules, now_ms: int
) -> TooMany | tuple[Tallies, Standing]:
    """Count a verification in its windows, or in none and say which is full."""
    by_storefront = rules.verifications_per_storefront
    by_address = rules.verifications_per_address
    traffic, address = tallies.traffic, tallies.address
    standing = passed(
        ((traffic.verifications, by_storefront), (address.verifications, by_address)), now_ms
    )
    if isinstance(standing, TooMany):
        return standing
    return replace(
        tallies,
        traffic=replace(
            traffic, verifications=windows.counted(traffic.verifications, by_storefront, now_ms)
        ),
        address=replace(
            address, verifications=windows.counted(address.verifications, by_address, now_ms)
        ),
    ), standing


def count_wrong_guess(tallies: Tallies, rules: Rules, policy: Policy, now_ms: int) -> Tallies:
    """Count a guess that was evaluated and wrong, wherever guesses are counted.

    The challenge is burned by its fifth, the email's codes give way to links once its hourly or
    daily budget is spent; both in the same value, so that neither can be had without the other.
    """
    email, challenge = tallies.email, tallies.email.challenge
    assert challenge is not None  # noqa: S101 - only a live challenge can be guessed at
    per_hour, per_day = rules.guesses_per_email
    guesses = windows.counted(email.guesses, per_day, now_ms)
    spent = (
        windows.held(guesses, per_hour, now_ms) >= per_hour.limit
        or windows.held(guesses, per_day, now_ms) >= per_day.limit
    )
    wrong = challenge.wrong + 1
    burned = challenge.burned or spent or wrong >= policy.codes.wrong_per_code
    breaker = rules.guesses_per_storefront
    traffic = tallies.traffic
    return replace(
        tallies,
        traffic=replace(traffic, guesses=windows.counted(traffic.guesses, breaker, now_ms)),
        email=replace(
            email,
            challenge=replace(challenge, wrong=wrong, burned=burned),
            guesses=guesses,
            links_until_ms=now_ms + policy.guesses.link_only * 1000
            if spent
            else email.links_until_ms,
        ),
    )

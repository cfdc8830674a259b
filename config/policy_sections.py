"""The sections of a storefront's policy: each field with default, bounds, unit, meaning and source.

To add a field, add it here: an attribute with ``number`` or ``choice`` is all it takes. Durations
are whole seconds and counts whole numbers, because both are what the JSON holds.
"""

from typing import Annotated, Final

import msgspec

from doorward.config.policy_fields import choice, number

# A limit that no single storefront reaches; load tests raise limits that are not their subject.
ANY_VOLUME: Final = 10_000_000
_ANY_EMAIL: Final = 1_000


class Section(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields that are decided together."""


class Codes(Section, frozen=True, kw_only=True):
    """Codes and the links beside them: how long they live, how many may be asked for."""

    ttl: Annotated[
        int,
        number(
            "seconds",
            low=60,
            high=600,
            meaning="How long a code or link can be used after it was issued.",
            source="contract §1; NIST SP 800-63B §3.1.3.2, OWASP ASVS 6.5.5 (at most 10 minutes)",
        ),
    ] = 600
    per_email_per_minute: Annotated[
        int,
        number(
            "codes",
            low=1,
            high=100,
            meaning="Codes asked for by one email in any 60 seconds.",
            source="contract §1; OWASP Bot Management Cheat Sheet",
        ),
    ] = 3
    per_email_per_hour: Annotated[
        int,
        number(
            "codes",
            low=1,
            high=_ANY_EMAIL,
            meaning="Codes asked for by one email in any hour.",
            source="contract §1; OWASP Bot Management Cheat Sheet",
        ),
    ] = 10
    per_email_per_day: Annotated[
        int,
        number(
            "codes",
            low=1,
            high=_ANY_EMAIL,
            meaning="Codes asked for by one email in any 24 hours.",
            source="contract §1; OWASP Bot Management Cheat Sheet",
        ),
    ] = 20
    per_address_per_minute: Annotated[
        int,
        number(
            "requests",
            low=1,
            high=ANY_VOLUME,
            meaning="Code requests of one client address (IPv6: one /64) in any 60 seconds.",
            source="contract §1 and §7; OWASP Credential Stuffing Prevention Cheat Sheet",
        ),
    ] = 60
    per_storefront_per_minute: Annotated[
        int,
        number(
            "requests",
            low=1,
            high=ANY_VOLUME,
            meaning="Code requests in the whole storefront in any 60 seconds.",
            source="contract §1",
        ),
    ] = 600
    wrong_per_code: Annotated[
        int,
        number(
            "guesses",
            low=1,
            high=10,
            meaning="Wrong guesses that burn a code; the right one fails from then on.",
            source="contract §1; OWASP ASVS 6.6.3, NIST SP 800-63B §3.2.2 (limit guessing)",
        ),
    ] = 5
    resend_minimum_left: Annotated[
        int,
        number(
            "seconds",
            low=0,
            high=600,
            meaning="A new request mails the live code again while it has at least this long to "
            "live, else a fresh one. Above `codes.ttl` every request mails a fresh one.",
            source="contract §1",
        ),
    ] = 300


class Verifications(Section, frozen=True, kw_only=True):
    """Tries of codes and links, right or wrong."""

    per_address_per_minute: Annotated[
        int,
        number(
            "requests",
            low=1,
            high=ANY_VOLUME,
            meaning="Verifications of one client address (IPv6: one /64) in any 60 seconds.",
            source="contract §1 and §7; OWASP Credential Stuffing Prevention Cheat Sheet",
        ),
    ] = 120
    per_storefront_per_minute: Annotated[
        int,
        number(
            "requests",
            low=1,
            high=ANY_VOLUME,
            meaning="Verifications in the whole storefront in any 60 seconds.",
            source="contract §1",
        ),
    ] = 1_200


class Guesses(Section, frozen=True, kw_only=True):
    """Wrong guesses, counted across codes and resends; past these, mails carry links only."""

    per_email_per_hour: Annotated[
        int,
        number(
            "guesses",
            low=1,
            high=_ANY_EMAIL,
            meaning="Wrong guesses at the codes of one email in any hour.",
            source="contract §1; NIST SP 800-63B §3.2.2 (it allows 100 in a row)",
        ),
    ] = 10
    per_email_per_day: Annotated[
        int,
        number(
            "guesses",
            low=1,
            high=_ANY_EMAIL,
            meaning="Wrong guesses at the codes of one email in any 24 hours.",
            source="contract §1; NIST SP 800-63B §3.2.2 (it allows 100 in a row)",
        ),
    ] = 30
    per_storefront_per_hour: Annotated[
        int,
        number(
            "guesses",
            low=1,
            high=ANY_VOLUME,
            meaning="Wrong guesses in the whole storefront in any hour, past which browsers "
            "without a known-device cookie get links.",
            source="contract §1",
        ),
    ] = 300
    link_only: Annotated[
        int,
        number(
            "seconds",
            low=86_400,
            high=2_592_000,
            meaning="How long an email gets links instead of codes once its guesses are spent. "
            "No shorter than the longest window: a code mailed sooner would be a guess too many.",
            source="contract §1",
        ),
    ] = 86_400


class Sessions(Section, frozen=True, kw_only=True):
    """Live sign-ins."""

    ttl: Annotated[
        int,
        number(
            "seconds",
            low=300,
            high=2_592_000,
            meaning="How long a session lives after sign-in; use does not extend it.",
            source="contract §2; NIST SP 800-63B §2.1.3 (at most 30 days)",
        ),
    ] = 2_592_000
    per_customer: Annotated[
        int,
        number(
            "sessions",
            low=1,
            high=50,
            meaning="Live sessions of one customer; one more ends the oldest.",
            source="contract §2; OWASP ASVS 7.1.2",
        ),
    ] = 50


class Devices(Section, frozen=True, kw_only=True):
    """Browsers that have signed in before."""

    ttl: Annotated[
        int,
        number(
            "seconds",
            low=3_600,
            high=15_552_000,
            meaning="How long a browser counts as known after it signed in.",
            source="contract §7 (180 days)",
        ),
    ] = 15_552_000
    per_customer: Annotated[
        int,
        number(
            "devices",
            low=1,
            high=50,
            meaning="Known devices of one customer; one more forgets the oldest.",
            source="ours: bounds the customer's record",
        ),
    ] = 20


class SignIn(Section, frozen=True, kw_only=True):
    """Who may sign in."""

    open: Annotated[
        bool,
        choice(
            meaning="On the account surface, mail codes and links also to emails nobody has "
            "ordered or signed in with.",
            source="contract §3",
        ),
    ] = False


class Orders(Section, frozen=True, kw_only=True):
    """What whoever holds an order's link may do on its page, and how often."""

    messages_per_address_per_hour: Annotated[
        int,
        number(
            "messages",
            low=1,
            high=ANY_VOLUME,
            meaning="Messages to the seller under one order, of one client address (IPv6: one "
            "/64), in any hour.",
            source="ours: a thread holds 500 messages in all",
        ),
    ] = 30
    claims_per_address_per_hour: Annotated[
        int,
        number(
            "requests",
            low=1,
            high=ANY_VOLUME,
            meaning="Claims to have paid one order, of one client address (IPv6: one /64), in any "
            "hour.",
            source="ours: saying it again changes nothing",
        ),
    ] = 30
    proofs_per_address_per_hour: Annotated[
        int,
        number(
            "uploads",
            low=1,
            high=ANY_VOLUME,
            meaning="Proofs of payment of one order begun to be uploaded, of one client address "
            "(IPv6: one /64), in any hour.",
            source="ours: contract §2 keeps 10 per order; this bounds those that fail, too",
        ),
    ] = 30


class Tokens(Section, frozen=True, kw_only=True):
    """Action tokens and order-status links."""

    misses_per_address_per_minute: Annotated[
        int,
        number(
            "requests",
            low=1,
            high=ANY_VOLUME,
            meaning="Tokens that open nothing, tried by one client address (IPv6: one /64), in any "
            "60 seconds. A good one opens what it opens all the same.",
            source="contract §3",
        ),
    ] = 60


class Keys(Section, frozen=True, kw_only=True):
    """API keys."""

    secret_per_minute: Annotated[
        int,
        number(
            "requests",
            low=1,
            high=ANY_VOLUME,
            meaning="Calls with one secret key in any 60 seconds; refused ones count too.",
            source="contract §7",
        ),
    ] = 1_000
    publishable_per_minute: Annotated[
        int,
        number(
            "requests",
            low=1,
            high=ANY_VOLUME,
            meaning="Calls with one publishable key in any 60 seconds; refused ones count too.",
            source="contract §4",
        ),
    ] = 600

"""The sections of a storefront's policy about passwords and tokens; declared as the others are."""

from typing import Annotated

from doorward.config.policy_fields import choice, number
from doorward.config.policy_sections import ANY_VOLUME, Section


class Passwords(Section, frozen=True, kw_only=True):
    """Passwords on the store surface: what they must be, and what guessing at them costs."""

    length_minimum: Annotated[
        int,
        number(
            "code points",
            low=8,
            high=15,
            meaning="How long a new password must be.",
            source="contract §4; NIST SP 800-63B §3.1.1.2, OWASP ASVS 6.2.1",
        ),
    ] = 8
    wrong_per_lock: Annotated[
        int,
        number(
            "guesses",
            low=1,
            high=100,
            meaning="Wrong passwords of one email within the window that lock it.",
            source="contract §4; OWASP ASVS 6.1.1",
        ),
    ] = 5
    window: Annotated[
        int,
        number(
            "seconds",
            low=60,
            high=86_400,
            meaning="How long a wrong password counts towards a lock.",
            source="contract §4",
        ),
    ] = 900
    lock: Annotated[
        int,
        number(
            "seconds",
            low=60,
            high=86_400,
            meaning="How long a lock lasts, from the wrong password that made it. It stops no "
            "known device, no code and no link.",
            source="contract §4",
        ),
    ] = 900
    wrong_in_a_row: Annotated[
        int,
        number(
            "guesses",
            low=10,
            high=10_000,
            meaning="Wrong passwords of one email without a right one between them that turn its "
            "password off until it is set anew by mail.",
            source="contract §4; NIST SP 800-63B §3.2.2",
        ),
    ] = 100
    logins_per_address_per_minute: Annotated[
        int,
        number(
            "requests",
            low=1,
            high=ANY_VOLUME,
            meaning="Sign-ins by password tried by one client address (IPv6: one /64), in any "
            "60 seconds.",
            source="contract §4",
        ),
    ] = 10
    sign_ups_per_address_per_minute: Annotated[
        int,
        number(
            "requests",
            low=1,
            high=ANY_VOLUME,
            meaning="Sign-ups tried by one client address (IPv6: one /64), in any 60 seconds.",
            source="contract §4",
        ),
    ] = 5


class Refresh(Section, frozen=True, kw_only=True):
    """Refresh tokens and the families they are of."""

    ttl: Annotated[
        int,
        number(
            "seconds",
            low=3_600,
            high=7_776_000,
            meaning="How long a refresh token can be exchanged.",
            source="contract §4 (30 days)",
        ),
    ] = 2_592_000
    family: Annotated[
        int,
        number(
            "seconds",
            low=3_600,
            high=31_536_000,
            meaning="How long a family lives at most, however often its token is exchanged.",
            source="contract §4 (180 days); OWASP ASVS 10.4.8",
        ),
    ] = 15_552_000
    grace_seconds: Annotated[
        int,
        number(
            "seconds",
            low=0,
            high=60,
            meaning="How long the token that was exchanged last gets the same child again, while "
            "that is unused; 0 never.",
            source="contract §4",
        ),
    ] = 0


class Access(Section, frozen=True, kw_only=True):
    """Access tokens."""

    ttl: Annotated[
        int,
        number(
            "seconds",
            low=60,
            high=86_400,
            meaning="How long an access token opens what it opens; nothing ends it earlier.",
            source="contract §4 (1 hour)",
        ),
    ] = 3_600
    public_keys: Annotated[
        bool,
        choice(
            meaning="Sign access tokens with EdDSA instead of HS256, so that others can check "
            "them with the keys at /.well-known/jwks.json.",
            source="contract §4; RFC 8037, RFC 7517",
        ),
    ] = False

"""What a person may say of themselves when they sign up; all that is wrong is told at once."""

from typing import Final

from msgspec.structs import replace

from doorward.actors import emails
from doorward.actors.desks.text_rules import (
    LINE_LENGTH,
    LINE_RULE,
    PHONE_RULE,
    is_line,
    is_phone,
)
from doorward.actors.messages.store import Issue, Issues, Person

_EMAIL_RULE: Final = "must be an email address"
_PASSWORD_RULE: Final = "must have at least {} characters"  # noqa: S105 - no password
_FULL_LENGTH: Final = 256
"""HTTP refuses longer ones; here it stands for a password whose length was checked before."""


def checked(
    person: Person, *, password_length: int = _FULL_LENGTH, length_minimum: int = 0
) -> Person | Issues:
    """Hold a person to the rules (contract §1, §4).

    Args:
        person: As they came.
        password_length: In code points.
        length_minimum: How long it must be.

    Returns:
        The person with the email in canonical form, or everything that is wrong, each at the path
        of its member in the body.
    """
    email = _canonical(person.email)
    found = []
    if not is_line(person.name):
        found.append(Issue(("name",), LINE_RULE.format(LINE_LENGTH)))
    if email is None:
        found.append(Issue(("email",), _EMAIL_RULE))
    if person.phone is not None and not is_phone(person.phone):
        found.append(Issue(("phoneNumber",), PHONE_RULE))
    if password_length < length_minimum:
        found.append(Issue(("password",), _PASSWORD_RULE.format(length_minimum)))
    if found or email is None:
        return Issues(issues=tuple(found))
    return replace(person, email=email)


def _canonical(text: str) -> str | None:
    try:
        return emails.canonical(text)
    except emails.NotAnEmail:
        return None

"""Every word a customer reads in a mail, in one place.

A language is one ``Wording``; templates and code hold no words of their own. Placeholders are
``{name}`` (the storefront's), ``{host}``, ``{code}`` and ``{minutes}`` (already a phrase).
"""

from typing import Final

import msgspec


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """The sentences of the sign-in mail in one language.

    Attributes:
        language: BCP 47 tag, told to mail clients and screen readers.
        direction: ``ltr`` or ``rtl``.
        one_minute: How "one minute (or less)" is said.
        many_minutes: How ``{count}`` minutes are said.
    """

    language: str
    direction: str
    one_minute: str
    many_minutes: str
    code_subject: str
    link_subject: str
    code_preview: str
    link_preview: str
    code_heading: str
    link_heading: str
    code_use: str
    code_guard: str
    link_use: str
    link_instead: str
    link_button: str
    link_plain: str
    ignore: str
    why: str

    def minutes(self, count: int) -> str:
        """Say how long something still works; never "0 minutes"."""
        return self.one_minute if count <= 1 else self.many_minutes.format(count=count)


ENGLISH: Final = Wording(
    language="en",
    direction="ltr",
    one_minute="1 minute",
    many_minutes="{count} minutes",
    # The code comes first: a lock screen or a list of mails often shows no more than that.
    code_subject="{code} is your {name} code",
    link_subject="Sign in to {name}",
    code_preview="{code} is your sign-in code. It works once and expires in {minutes}.",
    link_preview="Your sign-in link works once and expires in {minutes}.",
    code_heading="Your sign-in code",
    link_heading="Your sign-in link",
    code_use="Enter it on {host}. It works once and expires in {minutes}.",
    code_guard="Keep it to yourself: nobody at {name} will ever ask you for it.",
    link_use=(
        "Open the link to sign in. It works once and expires in {minutes}; the page it opens asks"
        " you to confirm."
    ),
    link_instead=(
        "Or open this link instead. It also works once and expires in {minutes}; the page it opens"
        " asks you to confirm. When you have used one of the two, the other stops working."
    ),
    link_button="Sign in",
    link_plain="If the button does not work, copy this address into your browser:",
    ignore="If you did not ask for this, ignore this email: nobody can sign in without it.",
    why="You get this email because someone asked to sign in to {name} with this address.",
)

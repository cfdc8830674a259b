"""The form of name and phone, which both accounts have."""

from typing import Final, NamedTuple

from doorward.actors.messages.refusals import Invalid
from doorward.http.pages import forms
from doorward.http.pages.visits import Page, Visit

PHONE_FILLERS: Final = str.maketrans("", "", " ()-./\u00a0")
"""What people write between the digits of a number, and no number holds."""


class Given(NamedTuple):
    """What was entered, without blanks around it."""

    name: str
    phone: str

    @property
    def bare_phone(self) -> str:
        """The number as a storefront takes it."""
        return self.phone.translate(PHONE_FILLERS)

    @property
    def fields(self) -> dict[str, str]:
        """What the page shows again."""
        return self._asdict()


async def read(visit: Visit) -> Given:
    """Read the form.

    Raises:
        EdgeError: As ``forms.read``.
    """
    form = await forms.read(visit.call.request)
    return Given(form.get("name", "").strip(), form.get("phone", "").strip())


def page(
    visit: Visit,
    email: str,
    fields: dict[str, str],
    *,
    saved: bool = False,
    refused: Invalid | None = None,
) -> Page:
    """Show the form, filled; with what was ``refused`` of it, or a word that it is saved."""
    words, problems = visit.words, {}
    title = words["pages.profile.heading"]
    if refused is not None:
        field = "phone" if refused.name == "phone" else "name"
        problems = {field: words[f"pages.profile.{field}_wrong"]}
    values = {
        "title": words.say("pages.error_title", title=title) if problems else title,
        "notice": words["pages.notice.saved"] if saved else None,
        "notice_tone": "good",
        "email": email,
        "problems": problems,
        **fields,
    }
    return Page("profile.html", values, 400 if problems else 200)

"""The messages of one language, and how it writes money and dates."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from babel import Locale

from doorward.actors.locales import numbers
from doorward.actors.locales.choosing import ENGLISH, LANGUAGES

_HERE: Final = Path(__file__).parent


class Catalogue:
    """One language.

    Messages are plain text: whoever puts them into HTML escapes the whole. Placeholders are named
    (``{name}``); values are put in and never read as messages themselves. There are no plurals:
    where a number decides, there are two messages and the caller chooses.

    Attributes:
        locale: BCP 47 tag, told to mail clients, browsers and screen readers.
        direction: ``ltr`` or ``rtl``.
    """

    __slots__ = ("_messages", "direction", "locale")

    def __init__(self, locale: str, messages: Mapping[str, str]) -> None:
        self.locale = locale
        self.direction = str(Locale.parse(locale).text_direction)
        self._messages = messages

    def __getitem__(self, message: str) -> str:
        """Return a message as it stands.

        Raises:
            KeyError: When there is no such message in any language.
        """
        return self._messages[message]

    def say(self, message: str, /, **values: object) -> str:
        """Return a message with its placeholders filled.

        Raises:
            KeyError: When there is no such message, or a placeholder has no value.
        """
        return self._messages[message].format_map(values)

    def minutes(self, count: int) -> str:
        """Say how long something still works; never "0 minutes"."""
        name = "mails.one_minute" if count <= 1 else "mails.many_minutes"
        return self.say(name, count=count)

    def money(self, amount: int, currency: str) -> str:
        """Write an amount in minor units of an ISO 4217 currency: ``Rp 125.000``."""
        return numbers.money(self.locale, amount, currency)

    def day(self, at_ms: int) -> str:
        """Write the day of a moment (ms of store time, in UTC): ``21 November 2026``."""
        return numbers.day(self.locale, at_ms)

    def moment(self, at_ms: int) -> str:
        """Write a moment (ms of store time) to the minute, saying that it is UTC."""
        return numbers.moment(self.locale, at_ms)


def words(locale: str) -> Catalogue:
    """Return a language's messages; English for a language that is not spoken here."""
    return _CATALOGUES.get(locale) or _CATALOGUES[ENGLISH]


def messages_of(language: str) -> dict[str, str]:
    """Read what a language itself says, by ``<part>.<name>``.

    Raises:
        msgspec.ValidationError: When a file is not one flat object of texts.
    """
    return {
        f"{part.stem}.{name}": text
        for part in sorted((_HERE / language).glob("*.json"))
        for name, text in msgspec.json.decode(part.read_bytes(), type=dict[str, str]).items()
    }


def read() -> dict[str, Catalogue]:
    """Read every language, what it lacks in English."""
    english = messages_of(ENGLISH)
    return {
        language: Catalogue(language, english | messages_of(language)) for language in LANGUAGES
    }


_CATALOGUES: Final[dict[str, Catalogue]] = read()

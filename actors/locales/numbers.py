"""Money and dates as a language writes them (Unicode CLDR, through Babel)."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal, get_currency_precision

RUPIAH: Final = "IDR"
_NO_BREAK: Final = "\u00a0"


def minor_digits(currency: str) -> int:
    """Tell how many decimals a currency's minor unit is: 0 for IDR (contract §5), 2 for USD.

    Source: ISO 4217 through CLDR, except for the rupiah: its hundredth is on paper only.
    """
    return 0 if currency == RUPIAH else get_currency_precision(currency)


@lru_cache(maxsize=4096)
def money(locale: str, amount: int, currency: str) -> str:
    """Write an amount in minor units.

    Rupiah are written the way everybody writes them there, whatever CLDR says: ``Rp``, a blank and
    no decimals. Only the grouping is the reader's: ``Rp 125.000`` read as English is 125.
    """
    if currency == RUPIAH:
        sign = "-" if amount < 0 else ""
        return f"{sign}Rp{_NO_BREAK}{format_decimal(abs(amount), locale=locale)}"
    value = Decimal(amount).scaleb(-minor_digits(currency))
    return format_currency(value, currency, locale=locale)


@lru_cache(maxsize=4096)
def day(locale: str, at_ms: int) -> str:
    """Write the day of a moment, in UTC."""
    return format_date(_at(at_ms), "long", locale=locale)


@lru_cache(maxsize=4096)
def moment(locale: str, at_ms: int) -> str:
    """Write a moment to the minute, in UTC and saying so."""
    at = _at(at_ms)
    time = format_skeleton("Hm", at, locale=locale)
    return f"{format_date(at, 'medium', locale=locale)}, {time} UTC"


def _at(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)

"""What countries are called, in each language."""

from functools import lru_cache

from babel import Locale


@lru_cache(maxsize=64)
def countries(locale: str, codes: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Name countries, by name.

    Args:
        locale: BCP 47 tag.
        codes: ISO 3166-1 alpha-2.

    Returns:
        Pairs of code and name.
    """
    named = ((code, country_name(locale, code)) for code in codes)
    return tuple(sorted(named, key=lambda pair: pair[1]))


@lru_cache(maxsize=1024)
def country_name(locale: str, code: str) -> str:
    """Name a country; its code, where the language has no name for it."""
    return str(Locale.parse(locale, sep="-").territories.get(code, code))

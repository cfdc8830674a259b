"""A storefront's accent colour, made safe to put text on.

Source: WCAG 2.2, "relative luminance" and "contrast ratio" (success criterion 1.4.3: at least
4.5 to 1). Of black and white, the better one always reaches that: the worst case is 4.58.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

NEUTRAL: Final = "#3b4252"
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_BLACK: Final = "#000000"
_WHITE: Final = "#ffffff"
_LIGHT_CARD: Final = "#ffffff"
_DARK_CARD: Final = "#1d2025"
_EDGE: Final = "#868c98"
# Below this an accent is hardly told from the card it lies on, and a button needs an outline.
# Lower than WCAG's 3 to 1 for parts of controls: the button's text always carries its own contrast.
_VISIBLE: Final = 1.4
_LINEAR_UP_TO: Final = 0.04045
"""IEC 61966-2-1 (sRGB); older WCAG texts say 0.03928, which no 8 bit colour tells apart."""


class Palette(NamedTuple):
    """The colours a mail is set in, each ``#rrggbb``.

    ``edge`` outlines what is filled with the accent; it is the accent itself unless that would
    vanish on the light or the dark card.
    """

    accent: str
    on_accent: str
    edge: str


@lru_cache(maxsize=4096)
def palette(accent: str) -> Palette:
    """Choose the colours that go with an accent.

    A value that is not ``#rrggbb`` gives the neutral palette: a wrong colour must not keep a
    customer from signing in, and nothing but a colour may reach the style sheet.
    """
    chosen = accent.lower() if _HEX.fullmatch(accent) else NEUTRAL
    on_accent = max((_BLACK, _WHITE), key=lambda text: contrast(text, chosen))
    vanishes = min(contrast(chosen, _LIGHT_CARD), contrast(chosen, _DARK_CARD)) < _VISIBLE
    return Palette(chosen, on_accent, _EDGE if vanishes else chosen)


def contrast(first: str, second: str) -> float:
    """Tell the WCAG contrast ratio of two colours ``#rrggbb``, from 1 to 21."""
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    if channel <= _LINEAR_UP_TO:
        return channel / 12.92
    return float(((channel + 0.055) / 1.055) ** 2.4)

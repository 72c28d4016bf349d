"""Numbers and names as a page shows them."""

from __future__ import annotations

from unicodedata import category

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_SPACE = "\N{NARROW NO-BREAK SPACE}"
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_REFUSED = {"Cc", "Cn", "Cs"}
"""Control characters, what is no character, halves of one (The Unicode Standard, table 2-3)."""


def number(value: float) -> str:
    """A number with its digits in groups of three."""
    return f"{value:,.10g}".replace(",", _SPACE)


def printable(text: str) -> str:
    """A text without what no page may hold: names in files may have control characters."""
    return "".join(map(_shown, text))


def _shown(letter: str) -> str:
    if category(letter) not in _REFUSED:
        return letter
    return " " if letter.isspace() else _UNKNOWN


def elided(text: str, most: int) -> str:
    """A printable text of at most so many letters; the middle goes, for the end tells names apart.

    Parameters
    ----------
    text : str
    most : int
        At least 1.
    """
    text = printable(text)
    if len(text) <= most:
        return text
    head = (most - 1) // 3
    return f"{text[:head]}{ELLIPSIS}{text[len(text) - (most - 1 - head) :]}"

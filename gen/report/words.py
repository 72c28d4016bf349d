"""Numbers and names as a page shows them."""

from __future__ import annotations

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_SPACE = "\N{NARROW NO-BREAK SPACE}"
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def number(value: float) -> str:
    """A number with its digits in groups of three."""
    return f"{value:,.10g}".replace(",", _SPACE)


def printable(text: str) -> str:
    """A text without what no page may hold: control characters, which names in files may have."""
    return "".join(letter if letter.isprintable() else _UNKNOWN for letter in text)


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

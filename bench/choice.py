"""Which of a benchmark's cases are measured."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

ALL = ("*",)
"""Patterns of all titles."""


def chosen(title: str, patterns: Iterable[str]) -> bool:
    """Whether a case's title matches one of the patterns, in which ``*`` is any text."""
    return any(fnmatchcase(title, pattern) for pattern in patterns)

"""Markdown tables of a benchmark's figures, whatever their shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from bench.results import rows

_ALIKE = 0.5
"""Part of all names that most cases have if they stand in one table."""


def tables(figures: dict[str, Any], level: int = 3) -> Iterator[str]:
    """Tables with their headings: one of all cases if these have the same figures, else one each.

    Parameters
    ----------
    figures : dict
        Of texts, numbers, lists and dicts.
    level : int
        Of the headings.
    """
    cases = {name: value for name, value in figures.items() if isinstance(value, dict)}
    if not cases:
        yield _table(["", "figure"], list(map(list, rows(figures))))
    elif _alike(cases):
        yield _side_by_side({name: dict(rows(value)) for name, value in cases.items()})
    else:
        for name, value in figures.items():
            yield f"{'#' * level} {name}\n"
            yield from tables(value if isinstance(value, dict) else {name: value}, level + 1)


def _alike(cases: dict[str, dict[str, Any]]) -> bool:
    """Whether most of all names are in most of the cases."""
    counts = Counter(name for value in cases.values() for name in dict(rows(value)))
    usual = sum(count > len(cases) / 2 for count in counts.values())
    return usual >= _ALIKE * len(counts)


def _side_by_side(cases: dict[str, dict[str, str]]) -> str:
    """A row a case, or a column a case: whichever makes the table narrower."""
    names = list(dict.fromkeys(name for figures in cases.values() for name in figures))
    if len(cases) > len(names):
        body = [
            [case, *(figures.get(name, "") for name in names)] for case, figures in cases.items()
        ]
        return _table(["", *names], body)
    body = [[name, *(figures.get(name, "") for figures in cases.values())] for name in names]
    return _table(["", *cases], body)


def _table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return (
        "\n".join(
            f"| {' | '.join(cell.replace('|', '/').replace('_', ' ') for cell in line)} |"
            for line in lines
        )
        + "\n"
    )

"""Which points are worth a look: those that no other is better than."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

P = TypeVar("P", bound=Hashable)


def front(values: Iterable[tuple[P, float, float]]) -> set[P]:
    """The Pareto front of points with two values each, of which more is better.

    No other point has as much of both and more of one. Points with the same values are all in it,
    or none.
    """
    found: set[P] = set()
    most, first_of_most = float("-inf"), float("-inf")
    for point, first, second in sorted(values, key=lambda item: (-item[1], -item[2])):
        if second > most or (second == most and first == first_of_most):
            found.add(point)
            most, first_of_most = second, first
    return found

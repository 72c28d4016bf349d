"""The integer program that picks one option for each node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.optimize import LinearConstraint
from scipy.sparse import csr_array

from gen.common.solver import solve
from gen.nodes.option import Option

MIP_GAP = 0.005
PEAK_PRICE = 10.0
"""Of the resource that is used most, where the sum of all as parts of their budgets costs 1."""


def choose(
    choices: Mapping[str, Sequence[Option]],
    remaining: Sequence[float],
    weights: Sequence[float],
    *,
    even: bool = False,
) -> dict[str, Option] | None:
    """Pick one option a node, of the least weighted cost within ``remaining``.

    Parameters
    ----------
    choices : options by name of the node
    remaining : what is left of each of :data:`gen.cost.memories.RESOURCES`; ``inf`` for no limit
    weights : of each resource in the cost
    even : whether what counts first is the largest part of ``remaining`` that any resource takes,
        which must be finite then: a design that crowds the logic and leaves multipliers idle is
        hard to route

    Returns
    -------
    dict or None
        None if nothing fits.
    """
    if not all(choices.values()):
        return None
    rows = tuple(option.row for group in choices.values() for option in group)
    sizes = tuple(map(len, choices.values()))
    found = _indices(rows, sizes, tuple(remaining), tuple(weights), even)
    if found is None:
        return None
    groups = zip(choices.items(), found, strict=True)
    return {name: group[index] for (name, group), index in groups}


@lru_cache(maxsize=1024)
def _indices(
    rows: tuple[tuple[float, ...], ...],
    sizes: tuple[int, ...],
    remaining: tuple[float, ...],
    weights: tuple[float, ...],
    even: bool,
) -> tuple[int, ...] | None:
    """Which option of each node; :func:`choose` says what is wanted.

    Targets of cycles that leave the same choices are common, and solving takes most of the time.

    Parameters
    ----------
    rows : tuple
        What each option takes of each resource, node by node.
    sizes : tuple of int
        Options of each node.
    remaining, weights : tuple of float
    even : bool
    """
    use = np.array(rows)
    starts = np.cumsum([0, *sizes])
    least = sum(use[a:b].min(axis=0) for a, b in pairwise(starts))
    if np.any(least > np.asarray(remaining)):
        return None
    owner = np.repeat(np.arange(len(sizes)), sizes)
    # One variable an option, and the largest part of what remains that is taken.
    one_each = csr_array(
        (np.ones(len(use)), (owner, np.arange(len(use)))), (len(sizes), len(use) + 1)
    )
    taken = np.column_stack([use.T, -np.asarray(remaining) if even else np.zeros(len(remaining))])
    result = solve(
        np.append(use @ np.asarray(weights), PEAK_PRICE if even else 0),
        np.append(np.ones(len(use)), 0),
        [
            LinearConstraint(one_each, 1, 1),
            LinearConstraint(taken, -np.inf, np.zeros(len(remaining)) if even else remaining),
        ],
        mip_rel_gap=MIP_GAP,
    )
    if result.x is None:
        return None
    return tuple(int(np.argmax(result.x[a:b])) for a, b in pairwise(starts))

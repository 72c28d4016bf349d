"""The integer program that picks one option for each node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    use = np.array([option.row for group in choices.values() for option in group])
    sizes = [len(group) for group in choices.values()]
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
    picked = {}
    for (name, group), start in zip(choices.items(), starts, strict=False):
        picked[name] = group[int(np.argmax(result.x[start : start + len(group)]))]
    return picked

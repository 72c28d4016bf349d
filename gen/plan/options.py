"""The foldings that one convolution may take, and the integer program that picks one for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import ceil, gcd

import numpy as np
from scipy.optimize import LinearConstraint
from scipy.sparse import csr_array

from boards.board import Family, Resources
from gen.common.solver import solve
from gen.plan.conv_shape import ConvShape
from gen.plan.cost import CostModel, scaler_kind, window_cost
from gen.plan.limits import divisors, engine_limits
from gen.plan.plan import EnginePlan
from hw.arith.mac import MultiplierKind
from hw.stream.fifo import MemoryKind

KINDS: dict[Family, tuple[MemoryKind, ...]] = {"xc7": ("block", "lut"), "ecp5": ("block",)}
"""Memories for weights and windows. In the ECP5's LUTs a bit costs four times as many as in those
of the 7-series, and there are more block RAMs."""
RESOURCES = ("dsp", "lut", "bram36", "ff")
"""Order of the columns of resource arrays; also the order in which a shortage is named."""
WIDER = 1.8
"""Foldings with more multipliers than this times the fewest are not looked at."""
MIP_GAP = 0.005
PEAK_PRICE = 10.0
"""Of the resource that is used most, where the sum of all as parts of their budgets costs 1."""


@dataclass(frozen=True)
class Option:
    """One way to build an engine."""

    plan: EnginePlan
    resources: Resources

    @property
    def row(self) -> tuple[float, ...]:
        """Resources in the order of :data:`RESOURCES`."""
        return resource_row(self.resources)


@dataclass(frozen=True)
class Surroundings:
    """What the neighbours ask of an engine.

    Attributes
    ----------
    i_min_lanes, o_min_lanes : int
        Fewest lanes of its input and of its output.
    whole_words : bool
        ``simd`` must divide the input channels: the centre tap of its window feeds another engine.
    transfers : int
        Cycles a frame of a stream behind it that stands still while it waits between frames.
    """

    i_min_lanes: int
    o_min_lanes: int
    whole_words: bool
    transfers: int = 0


def resource_row(resources: Resources) -> tuple[float, ...]:
    """Resources in the order of :data:`RESOURCES`."""
    return tuple(float(getattr(resources, name)) for name in RESOURCES)


MULTIPLIERS: dict[Family, tuple[MultiplierKind, ...]] = {
    "xc7": ("dsp48e1", "lut"),
    "ecp5": ("mult18x18d", "lut"),
}
"""What a family's FPGAs multiply with."""


def options(
    shape: ConvShape,
    around: Surroundings,
    cycles: int,
    family: Family = "xc7",
    costs: CostModel | None = None,
) -> list[Option]:
    """All foldings worth considering for ``cycles`` a frame; empty if none is fast enough.

    Parameters
    ----------
    shape : ConvShape
    around : Surroundings
    cycles : int
    family : "xc7" or "ecp5"
        Decides what there is to multiply with and to keep words in, and what a LUT is.
    costs : CostModel, optional
        :meth:`CostModel.fitted` unless given.
    """
    costs = costs or CostModel.fitted()
    foldings = _foldings(shape, around, cycles)
    fewest = min((pe * simd for pe, simd, _ in foldings), default=0)
    scaler = scaler_kind(shape, family)
    found = []
    for pe, simd, lanes in foldings:
        if pe * simd > max(WIDER * fewest, fewest + 8):
            continue
        kinds = KINDS[family]
        for multiplier, weights, window in product(MULTIPLIERS[family], kinds, kinds):
            pixels = _ring_pixels(shape, pe, simd, window, cycles, around)
            plan = EnginePlan(pe, simd, lanes, multiplier, weights, window, pixels, scaler)
            cost = costs.engine_cost(
                shape, plan, around.i_min_lanes, centre=around.whole_words, family=family
            )
            found.append(Option(plan, costs.on_family(cost, family)))
    return _pareto(found)


def _foldings(shape: ConvShape, around: Surroundings, cycles: int) -> list[tuple[int, int, int]]:
    """(pe, simd, lanes): for each number of chunks and folds the smallest that is fast enough."""
    found = []
    chunks_seen = set()
    for simd in range(1, shape.cin + 1):
        chunks = shape.chunks(simd)
        if chunks in chunks_seen or (around.whole_words and shape.cin % simd):
            continue
        trial = EnginePlan(shape.cout, simd, shape.cout, "lut", "lut", "lut", shape.window_pixels)
        limits = engine_limits(shape, trial, around.i_min_lanes)
        if any(limit > cycles for _, _, limit in limits):
            continue
        chunks_seen.add(chunks)
        smallest = ceil(shape.cout / (cycles // (shape.out_pixels * shape.words(simd))))
        folds_seen = set()
        widest = max(ceil(WIDER * smallest) + 8, smallest + around.o_min_lanes)
        for pe in range(smallest, min(shape.cout, widest) + 1):
            lanes = _lanes(shape, pe, simd, around.o_min_lanes)
            if lanes and shape.folds(pe) not in folds_seen:
                folds_seen.add(shape.folds(pe))
                found.append((pe, simd, lanes))
    return found


def _lanes(shape: ConvShape, pe: int, simd: int, min_lanes: int) -> int | None:
    """Fewest legal lanes at which the engine's results leave in time."""
    for lanes in divisors(gcd(pe, shape.cout)):
        if lanes % min_lanes == 0 and pe // lanes <= shape.words(simd):
            return lanes
    return None


def _ring_pixels(
    shape: ConvShape, pe: int, simd: int, kind: MemoryKind, cycles: int, around: Surroundings
) -> int:
    """Pixels of the cheapest window memory with which the engine is fast enough; the most of them.

    A smaller ring makes the engine, and what is behind it, wait between frames.
    """
    busy = max(shape.compute_cycles(pe, simd), around.transfers)
    sizes = range(shape.window_pixels, shape.fewest_pixels - 1, -1)
    most = cycles * shape.pixels
    fast = [n for n in sizes if busy * (shape.pixels + shape.wait_pixels(n)) <= most]

    def price(pixels: int) -> tuple[float, float]:
        cost = window_cost(shape, simd, kind, pixels)
        return cost.bram36, cost.lut

    return min(fast, key=price)


def _pareto(found: list[Option]) -> list[Option]:
    """Options that no other one beats in all of DSP blocks, LUTs and block RAM."""
    kept: list[Option] = []
    best: list[tuple[float, ...]] = []
    for option in sorted(found, key=lambda o: o.row[:3]):
        row = option.row[:3]
        if not any(all(a <= b for a, b in zip(other, row, strict=True)) for other in best):
            kept.append(option)
            best.append(row)
    return kept


def choose(
    choices: Mapping[str, Sequence[Option]],
    remaining: Sequence[float],
    weights: Sequence[float],
    *,
    even: bool = False,
) -> dict[str, Option] | None:
    """Pick one option a convolution, of the least weighted cost within ``remaining``.

    Parameters
    ----------
    choices : options by name of the convolution
    remaining : what is left of each of :data:`RESOURCES`; ``inf`` for no limit
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

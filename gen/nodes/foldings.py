"""The foldings that a convolution may take."""

from __future__ import annotations

from itertools import product
from math import ceil, gcd

from boards.board import Family
from gen.cost.model import CostModel
from gen.nodes.conv_cost import engine_cost, scale_memory, scaler_kind
from gen.nodes.conv_shape import ConvShape
from gen.nodes.lanes import divisors
from gen.nodes.option import Option, Surroundings, pareto
from gen.nodes.rings import KINDS, ring_pixels
from hw.arith.mac import MultiplierKind
from hw.layers.folding import EnginePlan

WIDER = 1.8
"""Foldings with more multipliers than this times the fewest are not looked at."""
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
    *,
    tapped: bool = False,
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
    tapped : bool
        A tap of its windows feeds other engines, so that ``simd`` must divide the input channels.
    """
    costs = costs or CostModel.fitted()
    foldings = _foldings(shape, around, cycles, tapped=tapped)
    fewest = min((pe * simd for pe, simd, _ in foldings), default=0)
    scaler = scaler_kind(shape, family)
    found = []
    for pe, simd, lanes in foldings:
        if pe * simd > max(WIDER * fewest, fewest + 8):
            continue
        kinds = KINDS[family]
        for multiplier, weights, window in product(MULTIPLIERS[family], kinds, kinds):
            busy = max(shape.compute_cycles(pe, simd), around.transfers)
            pixels = ring_pixels(shape, window, shape.chunks(simd), simd, busy, cycles)
            scales = scale_memory(shape, lanes)
            plan = EnginePlan(pe, simd, lanes, multiplier, weights, window, pixels, scaler, scales)
            cost = engine_cost(costs, shape, plan, around.i_lanes[0], tapped=tapped, family=family)
            found.append(Option(plan, costs.on_family(cost, family)))
    return pareto(found)


def _foldings(
    shape: ConvShape, around: Surroundings, cycles: int, *, tapped: bool
) -> list[tuple[int, int, int]]:
    """(pe, simd, lanes): for each number of chunks and folds the smallest that is fast enough."""
    found = []
    chunks_seen = set()
    for simd in range(1, shape.cin + 1):
        chunks = shape.chunks(simd)
        if chunks in chunks_seen or (tapped and shape.cin % simd):
            continue
        trial = EnginePlan(shape.cout, simd, shape.cout, "lut", "lut", "lut", shape.window_pixels)
        if any(limit > cycles for _, limit in shape.limits(trial, around.i_lanes[0])):
            continue
        chunks_seen.add(chunks)
        smallest = ceil(shape.cout / (cycles // (shape.out_pixels * shape.words(simd))))
        folds_seen = set()
        widest = max(ceil(WIDER * smallest) + 8, smallest + around.o_lanes)
        for pe in range(smallest, min(shape.cout, widest) + 1):
            lanes = _lanes(shape, pe, simd, around.o_lanes)
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

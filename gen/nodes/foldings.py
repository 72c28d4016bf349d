"""The foldings that a convolution may take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import ceil, gcd
from typing import Any

from boards.board import Family, Resources
from gen.common.cached import kept_by_first
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
    model = costs or CostModel.fitted()

    def price(plan: EnginePlan) -> Resources:
        return _price(shape, model, plan, around.i_lanes[0], family, tapped)

    foldings = _foldings(shape, around, cycles, tapped=tapped)
    return engine_options(shape, foldings, EnginePlan, price, around, cycles, family)


@kept_by_first
def _price(
    shape: ConvShape,
    costs: CostModel,
    plan: EnginePlan,
    i_lanes: int,
    family: Family,
    tapped: bool,
) -> Resources:
    """An engine's cost in the family's LUTs: nine of ten were asked for other cycles before."""
    cost = engine_cost(costs, shape, plan, i_lanes, tapped=tapped, family=family)
    return costs.on_family(cost, family)


def engine_options(
    shape: ConvShape,
    foldings: Sequence[tuple[int, int, int]],
    make: Callable[..., Any],
    price: Callable[[Any], Resources],
    around: Surroundings,
    cycles: int,
    family: Family,
) -> list[Option]:
    """Engines of some foldings, with all memories and multipliers worth considering.

    Parameters
    ----------
    shape : ConvShape
    foldings : sequence of tuple of int
        ``pe``, ``simd`` and ``lanes`` of each.
    make : callable
        Makes a plan of the fields of :class:`EnginePlan`.
    price : callable
        What a plan costs, in the family's LUTs.
    around, cycles, family : Surroundings, int, "xc7" or "ecp5"
        As for :func:`options`.
    """
    found, kinds, scaler = [], KINDS[family], scaler_kind(shape, family)
    fewest = min((shape.products(pe, simd) for pe, simd, _ in foldings), default=0)
    for pe, simd, lanes in foldings:
        if shape.products(pe, simd) > max(WIDER * fewest, fewest + 8):
            continue
        busy, chunks = max(shape.compute_cycles(pe, simd), around.transfers), shape.chunks(simd)
        rings = {kind: ring_pixels(shape, kind, chunks, simd, busy, cycles) for kind in kinds}
        scales = scale_memory(shape, lanes)
        for multiplier, weights, window in product(MULTIPLIERS[family], kinds, kinds):
            plan = make(
                pe=pe,
                simd=simd,
                lanes=lanes,
                multiplier=multiplier,
                weight_memory=weights,
                window_memory=window,
                window_pixels=rings[window],
                scaler=scaler,
                scale_memory=scales,
            )
            found.append(Option(plan, price(plan)))
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
            lanes = fewest_lanes(shape, pe, simd, around.o_lanes)
            if lanes and shape.folds(pe) not in folds_seen:
                folds_seen.add(shape.folds(pe))
                found.append((pe, simd, lanes))
    return found


def fewest_lanes(shape: ConvShape, pe: int, simd: int, least: int) -> int | None:
    """Fewest legal lanes at which an engine's results leave in time; None if there are none.

    Parameters
    ----------
    shape : ConvShape
    pe, simd : int
        Of the engine.
    least : int
        Divides the lanes.
    """
    for lanes in divisors(gcd(pe, shape.cout)):
        if lanes % least == 0 and pe // lanes <= shape.words(simd):
            return lanes
    return None

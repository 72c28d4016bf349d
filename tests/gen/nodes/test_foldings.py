"""The foldings of one convolution, against what enumeration finds."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from math import ceil

import numpy as np
import pytest

from boards.board import Family
from gen.cost.memories import resource_row
from gen.cost.model import CostModel
from gen.ir.ops import INPUT
from gen.nodes.conv import ConvNode
from gen.nodes.conv_cost import engine_cost, scale_memory, scaler_kind
from gen.nodes.conv_shape import ConvShape
from gen.nodes.foldings import MULTIPLIERS, WIDER, options
from gen.nodes.graph import Graph
from gen.nodes.option import Option, Surroundings
from gen.nodes.rings import KINDS, window_cost
from hw.layers.folding import EnginePlan
from tests.networks import NetworkBuilder, conv_network

COSTS = CostModel.fitted()


@cache
def shapes() -> dict[str, ConvShape]:
    """A stride of 2, bursts behind a pool, a padded 3x3, codes, wide sums, sizes without order."""
    net = NetworkBuilder((12, 10, 3), 1)
    x = net.conv("first", INPUT, 9, 3, stride=2, pad=(1, 0, 1, 2), pad_code=128)
    x = net.max_pool("pool", x)
    x = net.conv("burst", x, 12, 1, weight_bits=3)
    x = net.conv("padded", x, 10, 3, pad=1, weight_bits=5, code_bits=3)
    x = net.conv("prime", x, 7, 2, weight_bits=4)
    network = net.finish("shapes", net.conv("last", x, 8, 1))
    # A ring of 66 pixels, of which two can be done without, and 64 fit one bank of LUT memory.
    tall = conv_network(shape=(25, 13, 3), channels=4, pad=1)
    nodes = [*Graph.of(network), *Graph.of(tall)]
    return {node.name: node.shape for node in nodes if isinstance(node, ConvNode)}


NAMES = ("first", "burst", "padded", "prime", "last")
# Fewest lanes of the input and of the output.
LANES = {
    "first": (3, 3),
    "burst": (3, 4),
    "padded": (2, 2),
    "prime": (5, 7),
    "last": (1, 2),
    "conv1": (1, 2),
}
Setting = tuple[ConvShape, int, int, bool, int, int]


def settings(name: str) -> Iterator[Setting]:
    """Shape, fewest lanes in and out, taps, transfers and cycles of many tasks."""
    shape = shapes()[name]
    slowest = shape.compute_cycles(1, 1)
    for part, lanes, tapped in product((1, 2, 3.3, 8, 21, 60, 999), (False, True), (False, True)):
        cycles = ceil(slowest / part)
        i_lanes, o_lanes = LANES[name] if lanes else (1, 1)
        for transfers in (0, cycles - cycles // 30):
            yield shape, i_lanes, o_lanes, tapped, transfers, cycles


def found_for(setting: Setting, family: Family = "xc7") -> list[Option]:
    shape, i_lanes, o_lanes, tapped, transfers, cycles = setting
    around = Surroundings((i_lanes,), o_lanes, transfers)
    return options(shape, around, cycles, family, tapped=tapped)


def fast_enough(shape: ConvShape, plan: EnginePlan, i_lanes: int, transfers: int, cycles: int):
    waits = transfers * shape.wait_pixels(plan.window_pixels)
    limits = [limit for _, limit in shape.limits(plan, i_lanes)]
    return max([*limits, transfers + ceil(waits / shape.pixels)]) <= cycles


@pytest.mark.parametrize("family", ["xc7", "ecp5"])
@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_legal_and_fast_enough(name: str, family: Family):
    counted = 0
    for setting in settings(name):
        shape, i_lanes, o_lanes, tapped, transfers, cycles = setting
        for option in found_for(setting, family):
            plan = option.plan
            assert 1 <= plan.pe <= shape.cout
            assert 1 <= plan.simd <= shape.cin
            assert plan.pe % plan.lanes == shape.cout % plan.lanes == plan.lanes % o_lanes == 0
            assert plan.pe // plan.lanes <= shape.kernel[0] * shape.kernel[1] * ceil(
                shape.cin / plan.simd
            )
            assert not tapped or shape.cin % plan.simd == 0
            assert shape.fewest_pixels <= plan.window_pixels <= shape.window_pixels
            assert fast_enough(shape, plan, i_lanes, transfers, cycles)
            assert plan.multiplier in MULTIPLIERS[family]
            assert {plan.weight_memory, plan.window_memory} <= set(KINDS[family])
            assert plan.scaler == scaler_kind(shape, family)
            assert plan.scale_memory == scale_memory(shape, plan.lanes)
            cost = engine_cost(COSTS, shape, plan, i_lanes, tapped=tapped, family=family)
            assert option.resources == COSTS.on_family(cost, family)
            counted += 1
    assert counted > 50


@pytest.mark.parametrize("name", NAMES)
def test_no_option_is_as_good_as_another_in_everything(name: str):
    for setting in settings(name):
        found = found_for(setting)
        rows = np.array([option.row[:3] for option in found])
        for index, row in enumerate(rows):
            others = np.delete(rows, index, axis=0)
            assert not (others <= row).all(axis=1).any()


def legal(setting: Setting) -> Iterator[tuple[int, int, int]]:
    """All (pe, simd, lanes) that the hardware allows and that are fast enough somehow."""
    shape, i_lanes, o_lanes, tapped, transfers, cycles = setting
    for pe, simd in product(range(1, shape.cout + 1), range(1, shape.cin + 1)):
        for lanes in range(o_lanes, pe + 1, o_lanes):
            plan = EnginePlan(pe, simd, lanes, "lut", "lut", "lut", shape.window_pixels)
            if (
                pe % lanes == 0
                and shape.cout % lanes == 0
                and pe // lanes <= shape.kernel[0] * shape.kernel[1] * ceil(shape.cin / simd)
                and not (tapped and shape.cin % simd)
                and fast_enough(shape, plan, i_lanes, transfers, cycles)
            ):
                yield pe, simd, lanes


def smallest(foldings: set[tuple[int, int, int]], shape: ConvShape) -> set[tuple[int, int, int]]:
    """Of all that take as many chunks and folds those of the fewest ``simd``, ``pe``, lanes."""
    kept: dict[tuple[int, int], tuple[int, int, int]] = {}
    for pe, simd, lanes in foldings:
        key, size = (ceil(shape.cin / simd), ceil(shape.cout / pe)), (simd, pe, lanes)
        kept[key] = min(kept.get(key, size), size)
    return {(pe, simd, lanes) for simd, pe, lanes in kept.values()}


def cheapest_ring(setting: Setting, pe: int, simd: int, kind) -> int:
    """Pixels of the window memory that costs the least of those that are fast enough."""
    shape, i_lanes, _, _, transfers, cycles = setting
    rings = [
        (cost.bram36, cost.lut, -pixels)
        for pixels in range(shape.fewest_pixels, shape.window_pixels + 1)
        for cost in [window_cost(kind, pixels, shape.chunks(simd), simd)]
        if fast_enough(
            shape, EnginePlan(pe, simd, 1, "lut", "lut", kind, pixels), i_lanes, transfers, cycles
        )
    ]
    return -min(rings)[2]


@pytest.mark.parametrize("name", NAMES)
def test_options_are_what_enumeration_finds(name: str):
    empty = 0
    for setting in settings(name):
        shape, i_lanes, _, tapped, _, _ = setting
        found = found_for(setting)
        foldings = set(legal(setting))
        assert bool(found) == bool(foldings)
        empty += not found
        fewest = min((pe * simd for pe, simd, _ in foldings), default=0)
        best = smallest(foldings, shape)
        best = {f for f in best if f[0] * f[1] <= max(WIDER * fewest, fewest + 8)}
        assert {(o.plan.pe, o.plan.simd, o.plan.lanes) for o in found} <= best
        rows = np.array([option.row[:3] for option in found])
        kinds = product(best, MULTIPLIERS["xc7"], KINDS["xc7"], KINDS["xc7"])
        for (pe, simd, lanes), multiplier, weights, window in kinds:
            pixels = cheapest_ring(setting, pe, simd, window)
            scales = scale_memory(shape, lanes)
            plan = EnginePlan(
                pe, simd, lanes, multiplier, weights, window, pixels, "dsp48e1", scales
            )
            row = resource_row(engine_cost(COSTS, shape, plan, i_lanes, tapped=tapped))[:3]
            assert (rows <= row).all(axis=1).any(), plan
    assert empty


def test_rings_are_the_cheapest_and_the_largest_of_equals():
    sizes = set()
    for setting in (setting for name in (*NAMES, "conv1") for setting in settings(name)):
        shape = setting[0]
        for option in found_for(setting):
            plan = option.plan
            expected = cheapest_ring(setting, plan.pe, plan.simd, plan.window_memory)
            assert plan.window_pixels == expected
            sizes.add((shape.cout, expected - shape.window_pixels))
    assert {size for cout, size in sizes if cout == shapes()["conv1"].cout} == {0, -2}


def test_a_stream_that_stands_still_needs_a_longer_ring():
    shape = shapes()["conv1"]
    cycles = 2 * shape.compute_cycles(1, 1)
    idle, busy = (
        {o.plan.window_pixels for o in options(shape, Surroundings((1,), 1, n), cycles)}
        for n in (0, cycles)
    )
    assert min(idle) < shape.window_pixels
    assert busy == {shape.window_pixels}


def test_nothing_is_faster_than_a_pixel_a_cycle():
    shape = shapes()["last"]
    everything = Surroundings((shape.cin,), 1)
    assert options(shape, everything, shape.pixels)
    assert options(shape, everything, shape.pixels - 1) == []

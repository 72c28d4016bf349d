"""The ways to build depthwise convolutions and pools of windows, against what enumeration finds."""

from fractions import Fraction
from itertools import product
from math import ceil, gcd

import numpy as np
import pytest

from gen.cost.model import CostModel
from gen.ir.network import QuantizedNetwork
from gen.nodes.depthwise import DepthwiseNode
from gen.nodes.global_average import GlobalAverageNode
from gen.nodes.graph import Graph
from gen.nodes.node import Node
from gen.nodes.option import LanesPlan, Option, Surroundings
from gen.nodes.pool import PoolNode
from gen.nodes.rings import KINDS
from gen.nodes.streams import Feed
from gen.nodes.window_pool import WindowPoolNode
from gen.nodes.window_shape import WindowShape
from hw.layers.folding import DepthwisePlan, PoolPlan
from tests.graphs import GRAPHS

COSTS = CostModel.fitted()
NODES: dict[str, tuple[str, str, type[Node]]] = {
    "depthwise": ("depthwise", "block2_dw", DepthwiseNode),
    "depthwise of stride 2": ("depthwise", "block3_dw", DepthwiseNode),
    "padded max": ("padded_pool", "pool1", WindowPoolNode),
    "average": ("average_pool", "pool1", WindowPoolNode),
    "padded average of stride 2": ("average_pool", "pool3", WindowPoolNode),
}
PARTS = (1, 1.7, 3, 5, 12, 100)
FAMILIES = ("xc7", "ecp5")


def node(name: str) -> Node:
    network, tensor, kind = NODES[name]
    found = Graph.of(GRAPHS[network]())[tensor]
    assert type(found) is kind
    return found


def windows(found: Node) -> WindowShape:
    assert isinstance(found, DepthwiseNode | WindowPoolNode)
    return found.shape


def fastest_part(found: Node, plan: DepthwisePlan | PoolPlan, i_lanes: int) -> int:
    return max(limit for _, limit in found.limits(plan, [Feed(i_lanes)]))


def asked(found: Node) -> list[tuple[Surroundings, int]]:
    """What neighbours and targets ask, from the slowest to what nothing reaches."""
    channels = found.output.shape[2]
    lanes = [n for n in (1, 2) if channels % n == 0]
    return [
        (Surroundings((i_lanes,), o_lanes, transfers), ceil(found.slowest / part))
        for part, i_lanes, o_lanes in product(PARTS, lanes, lanes)
        for transfers in (0, ceil(found.slowest / part))
    ]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NODES)
def test_every_option_is_fast_enough_and_costs_what_it_costs(name, family):
    found, counted = node(name), 0
    for around, cycles in asked(found):
        options = found.options(around, cycles, family, COSTS)
        for option in options:
            plan = option.plan
            assert found.output.shape[2] % plan.lanes == plan.lanes % around.o_lanes == 0
            assert fastest_part(found, plan, around.i_lanes[0]) <= cycles
            cost = found.cost(plan, around.i_lanes, family, COSTS)
            assert option.resources == COSTS.on_family(cost, family)
            assert plan.window_memory in KINDS[family]
            counted += 1
        check_pareto(options)
    assert counted > 5
    tight = Surroundings((1,), 1)
    assert found.options(tight, found.slowest, family, COSTS)
    assert not found.options(tight, max(1, found.slowest // 100), family, COSTS)


def check_pareto(options: list[Option]) -> None:
    rows = np.array([option.row[:3] for option in options])
    for index, row in enumerate(rows):
        assert not (np.delete(rows, index, axis=0) <= row).all(axis=1).any()


def plans(found: Node) -> list[DepthwisePlan | PoolPlan]:
    """All that there are, with the largest window memory."""
    channels, held = found.output.shape[2], windows(found).window_pixels
    lanes = [n for n in range(1, channels + 1) if channels % n == 0]
    if isinstance(found, WindowPoolNode):
        return [PoolPlan(n, "lut", held) for n in lanes]
    taps = windows(found).kernel[0] * windows(found).kernel[1]
    return [
        DepthwisePlan(pe, n, "lut", "lut", "lut", held)
        for pe, n in product(range(1, channels + 1), lanes)
        if pe % n == 0 and pe // n <= taps
    ]


@pytest.mark.parametrize("name", NODES)
def test_there_is_an_option_whenever_there_can_be(name):
    found = node(name)
    for around, cycles in asked(found):
        fast = [
            plan
            for plan in plans(found)
            if plan.lanes % around.o_lanes == 0
            and fastest_part(found, plan, around.i_lanes[0]) <= cycles
        ]
        options = found.options(around, cycles, "xc7", COSTS)
        assert bool(options) == bool(fast)
        if options:
            assert min(width(option.plan) for option in options) == min(map(width, fast))


def width(plan: DepthwisePlan | PoolPlan) -> int:
    """Channels side by side."""
    return plan.pe if isinstance(plan, DepthwisePlan) else plan.lanes


def test_the_cycles_of_a_depthwise_convolution():
    found = node("depthwise")
    rows, columns, channels = found.output.shape
    plan = DepthwisePlan(4, 2, "lut", "lut", "lut", windows(found).window_pixels)
    limits = dict(found.limits(plan, [Feed(6)]))
    height, across, _ = found.inputs[0].shape
    words = ceil(channels / 4)
    assert limits == {
        "input lanes": height * across * channels // gcd(6, 4),
        "window writes": (height + 2) * (across + 2) * words,
        "multipliers": rows * columns * words * 9,
    }
    assert found.multipliers(plan) == 4
    assert found.weight_count == channels * 9


def test_the_cycles_of_a_pool_of_windows():
    found = node("padded max")
    rows, columns, channels = found.output.shape
    plan = PoolPlan(2, "lut", windows(found).window_pixels)
    height, across, _ = found.inputs[0].shape
    assert dict(found.limits(plan, [Feed(3)])) == {
        "input lanes": height * across * channels,
        "window writes": (height + 2) * (across + 2) * channels // 2,
        "windows": rows * columns * 9 * channels // 2,
    }
    short = PoolPlan(2, "lut", windows(found).fewest_pixels)
    assert (
        found.waits(short) == Fraction(windows(found).wait_pixels(short.window_pixels), 12 * 13) > 0
    )
    assert found.multipliers(plan) == found.weight_count == 0


def of_kind(network: QuantizedNetwork, kind: type[Node]) -> list[Node]:
    return [found for found in Graph.of(network) if type(found) is kind]


def test_an_average_of_a_whole_map_is_a_node_of_its_own():
    (found,) = of_kind(GRAPHS["fc_average"](), GlobalAverageNode)
    height, columns, channels = found.inputs[0].shape
    assert found.output.shape == (1, 1, channels)
    (option,) = found.options(Surroundings((1,), 2), 10_000, "xc7", COSTS)
    assert option.plan == LanesPlan(2)
    assert option.resources.dsp == 2
    transfers = height * columns * channels // 2
    assert dict(found.limits(LanesPlan(2), [Feed(1)]))["transfers"] == transfers
    arrivals = np.arange(height * columns, dtype=float)
    assert found.departures([arrivals], 1000)[0] > arrivals[-1]


def test_pools_that_the_quicker_unit_can_do_have_it():
    assert of_kind(GRAPHS["plain_chain"](), PoolNode)
    assert not of_kind(GRAPHS["plain_chain"](), WindowPoolNode)
    assert not of_kind(GRAPHS["padded_pool"](), PoolNode)

"""Queues where paths rejoin: no network blocks for ever, however its ends stall."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT
from gen.nodes.graph import Graph
from tests import graphs
from tests.gen.plan.dataflow import Network
from tests.gen.plan.rejoining import GRAPHS, made, planned, way
from tests.networks import NetworkBuilder


@st.composite
def random_networks(draw: st.DrawFn) -> QuantizedNetwork:
    """Paths that part and rejoin, around one another and side by side, of kernels and pools."""
    size = draw(st.tuples(st.integers(6, 9), st.integers(6, 9)))
    net = NetworkBuilder((*size, 3), 1)
    x = way(net, "first", INPUT, 1)
    for number in range(draw(st.integers(1, 3))):
        x = draw(st.sampled_from(BLOCKS))(draw, net, f"block{number}", x)
    return net.finish("random", x)


def path(draw: st.DrawFn, net: NetworkBuilder, name: str, x: str) -> str:
    for number, kernel in enumerate(draw(st.lists(st.sampled_from([1, 3, 5]), max_size=3))):
        x = way(net, f"{name}_{number}", x, kernel)
    return x


def rejoining(draw: st.DrawFn, net: NetworkBuilder, name: str, x: str) -> str:
    """A sum of two paths, one of which may have another sum on it."""
    y = way(net, f"{name}_a", x, draw(st.sampled_from([1, 3, 5])))
    if draw(st.booleans()):
        y = net.add(f"{name}_inner", path(draw, net, f"{name}_in", y), y)
    ends = [y, path(draw, net, f"{name}_out", x)]
    return net.add(f"{name}_add", *draw(st.permutations(ends)))


def joined(draw: st.DrawFn, net: NetworkBuilder, name: str, x: str) -> str:
    """A concatenation of branches, perhaps of stride 2."""
    stride = draw(st.sampled_from([1, 2]))
    kernels = draw(st.lists(st.sampled_from([1, 3, 5]), min_size=2, max_size=3))
    parts = [way(net, f"{name}_{number}", x, kernel, stride)
             for number, kernel in enumerate(kernels)]  # fmt: skip
    parts[0] = path(draw, net, f"{name}_far", parts[0])
    return way(net, f"{name}_end", net.concat(f"{name}_cat", *parts), 1)


def pooled(draw: st.DrawFn, net: NetworkBuilder, name: str, x: str) -> str:
    kernel = draw(st.sampled_from([2, 3]))
    return net.max_pool(name, x, kernel, 2) if min(net._tensors[x].shape[:2]) > 3 else x


BLOCKS = (rejoining, joined, pooled)


@settings(max_examples=40)
@given(network=random_networks(), part=st.integers(1, 12), seed=st.integers(0, 99))
def test_paths_that_rejoin_never_wait_for_each_other_for_ever(
    network: QuantizedNetwork, part: int, seed: int
):
    plan = planned(network, part)
    assert Network(Graph.of(network), plan, frames=3).run(Random(seed)) == []


@pytest.mark.parametrize("name", graphs.GRAPHS)
def test_networks_of_many_shapes_do_not_either(name: str):
    network = graphs.GRAPHS[name]()
    plan = planned(network, 4)
    assert Network(Graph.of(network), plan, frames=3).run(Random(1)) == []


@pytest.mark.parametrize(("name", "short"), [("bypass", 6), ("two modules", 12), ("pool", 5)])
def test_with_less_room_they_would(name: str, short: int):
    # A 3x3 takes 8 pixels of a map 6 wide before it gives its first, so 7 have gone the other way
    # meanwhile, one of which a sum that takes these first has taken. Two of them ask for 7 more.
    plan = made(name)
    (needed,) = (edge for edge, queue in plan.queues.items() if queue.join.startswith("add"))
    rooms = range(1, plan.queues[needed].pixels + 1)
    stuck = [bool(Network(GRAPHS[name], plan, 2, {needed: n}).run(Random(1))) for n in rooms]
    assert stuck == [n <= short for n in rooms]
    assert short < len(rooms)

"""Fewest lanes that carry every tensor in time."""

from gen.ir.ops import INPUT
from gen.nodes.graph import Graph
from gen.plan.limits import min_lanes
from tests.gen.squeezenets import squeezenet1_1


def test_min_lanes_grow_as_cycles_shrink_and_end():
    network = Graph.of(squeezenet1_1())
    loose, tight = min_lanes(network, 10_000_000), min_lanes(network, 200_000)
    assert set(loose.values()) == {1}
    assert tight["conv1"] == 4  # 111 x 111 x 64 values
    assert all(tight[name] >= lanes for name, lanes in loose.items())
    assert min_lanes(network, 111 * 111) is not None  # conv1 with a pixel a transfer
    assert min_lanes(network, 111 * 111 - 1) is None
    assert tight[INPUT] == 1

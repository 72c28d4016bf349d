import numpy as np
import pytest

from boards import BOARDS
from gen.cost.memories import resource_row
from gen.explore.network import drawn_network
from gen.formats.family import Family
from gen.ir.check import check
from gen.ir.ops import Add
from gen.ir.preprocessing import Normalisation
from gen.ir.widths import Width, Widths
from gen.plan.choose import PEAK_PRICE
from gen.plan.plan import Plan
from gen.plan.planner import Goal
from gen.quantise.post_training import quantise
from tests.gen.nodes.shapes import shapes_of

SMALL = Family.parse("size=48,classes=10,base_e=32,incr_e=16,sr=0.25,bypass=simple")


def quantised(family, bits):
    """The same member with its weights rounded after a look at a frame of noise."""
    frames = np.random.default_rng(0).integers(
        0, 256, (1, family.size, family.size, 3), dtype=np.uint8
    )
    graph = family.graph()
    widths = Widths(Width(bits)).of(graph)
    return quantise(
        graph, frames, normalisation=Normalisation.preset("imagenet"), weight_bits=widths
    )


@pytest.mark.parametrize(("bits", "board"), [(4, "arty_a7"), (8, "arty_a7_35"), (6, "ulx3s_85")])
def test_a_plan_is_that_of_a_network_which_was_quantised(bits, board):
    goal = Goal(BOARDS[board], fps=500)
    ours, real = (
        goal.plan(network)
        for network in (drawn_network(SMALL, Width(bits)), quantised(SMALL, bits))
    )
    assert ours.cycles == real.cycles
    # The program is content with half a percent of its price, and may trade one for another.
    parts = [shares(made, goal) for made in (ours, real)]
    assert parts[0] == pytest.approx(parts[1], abs=0.02)
    prices = [PEAK_PRICE * max(share) + sum(share) for share in parts]
    assert prices[0] == pytest.approx(prices[1], rel=0.01)


def shares(made: Plan, goal: Goal) -> tuple[float, ...]:
    """Parts of what a plan may use that it does."""
    used, held = (resource_row(x) for x in (made.resources, goal.board.resources))
    usable = (1, goal.utilisation, 1, goal.utilisation)
    return tuple(u / h / part for u, h, part in zip(used, held, usable, strict=True))


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_widths_are_those_of_a_network_which_was_quantised(bits):
    ours, real = drawn_network(SMALL, Width(bits)), quantised(SMALL, bits)
    pairs = [shapes_of(network).values() for network in (ours, real)]
    for shape, other in zip(*pairs, strict=True):
        assert abs(shape.accumulator_bits - other.accumulator_bits) <= 1
        assert shape.bias_bits <= shape.accumulator_bits
        assert (shape.symmetric, shape.weight_bits) == (other.symmetric, other.weight_bits)
        assert shape.symmetric


def test_no_bypass_has_a_multiplier_that_is_cheaper_than_usual():
    network = drawn_network(
        Family(size=32, classes=10, base_e=16, freq=4, bypass="simple"), Width(4)
    )
    sums = [op for op in network.ops if isinstance(op, Add)]
    assert len(sums) == 6
    assert all(multiplier.bit_count() > 1 for op in sums for multiplier in op.multiplier)


def test_codebooks():
    network = drawn_network(SMALL, Width(3, 5))
    assert [(op.code_bits, op.weight_bits) for op in network.convs[1:]] == [(3, 5)] * 25
    assert network.convs[0].codebook is None
    for op in network.convs[1:]:
        assert set(np.unique(op.weights)) <= set(op.codebook.tolist())


def test_the_size_is_the_familys():
    network = drawn_network(SMALL, Width(8))
    assert network.weight_count + sum(op.channels for op in network.convs) == SMALL.parameters
    assert network.macs == SMALL.macs
    assert network.name == SMALL.name


def test_the_seed_decides():
    digests = [drawn_network(SMALL, Width(4), seed).digest for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    "text", ["bypass=complex", "sr=1,pct_3x3=0.99", "sr=0.01", "freq=8,bypass=simple"]
)
def test_members_at_the_edge(text):
    family = Family.parse(f"{text},size=29,classes=1,base_e=64,incr_e=8")
    check(drawn_network(family, Width(2)))


def test_a_complex_bypass_is_signed():
    network = drawn_network(
        Family(size=32, classes=10, base_e=16, incr_e=8, bypass="complex"), Width(8)
    )
    assert network.tensors["fire2_bypass1x1"].signed
    assert network.tensors["fire2_add"].signed
    assert not network.tensors["fire2_concat"].signed

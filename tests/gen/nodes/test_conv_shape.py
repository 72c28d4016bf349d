"""What decides a convolution's cost: the widths of its sums."""

from gen.ir.ops.conv import signed_bits
from tests.gen.nodes.shapes import shape_of
from tests.gen.squeezenets import cifar


def test_signed_bits():
    assert [signed_bits(*pair) for pair in ((0, 0), (-1, 0), (-128, 127), (-129, 0), (0, 128))] == [
        1,
        1,
        8,
        9,
        9,
    ]


def test_accumulators_are_as_wide_as_the_weights_need():
    network = cifar()
    shape, op = shape_of(network, "conv10"), network.op("conv10")
    low, high = op.accumulator_bounds(network.tensors[op.inputs[0]])
    assert -(1 << (shape.accumulator_bits - 1)) <= low
    assert high < 1 << (shape.accumulator_bits - 1)
    assert shape.sum_bits > shape.accumulator_bits

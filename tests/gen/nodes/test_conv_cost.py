"""Costs: block RAM shapes, window sizes, and the parts of an engine."""

from dataclasses import replace

import numpy as np
import pytest

from gen.ir.ops import INPUT
from gen.plan.coefficients import Coefficients
from gen.plan.conv_shape import ConvShape, signed_bits
from gen.plan.cost import CostModel, bram36, lutram_luts
from gen.plan.limits import min_lanes
from hw.layers.folding import EnginePlan
from tests.gen.squeezenets import cifar, squeezenet1_1

COSTS = CostModel.fitted()


@pytest.mark.parametrize(
    ("depth", "width", "blocks"),
    [
        (512, 72, 1),
        (1024, 36, 1),
        (2048, 18, 1),
        (4096, 9, 1),
        (4096, 4, 0.5),
        (512, 36, 0.5),
        (2048, 756, 42),
        # Counted by Yosys 0.70, synth_xilinx -family xc7.
        (576, 144, 4),
        (2304, 32, 2.5),
        (300, 100, 1.5),
        (1152, 64, 3),
        (576, 64, 2),
        (1200, 8, 0.5),
        (720, 24, 1),
    ],
)
def test_block_ram_shapes(depth: int, width: int, blocks: float):
    assert bram36(depth, width) == blocks


def test_an_empty_memory_is_refused():
    with pytest.raises(ValueError, match="0 x 8"):
        bram36(0, 8)


def test_lut_memories():
    assert lutram_luts(64, 24) == 32  # eight RAM64M of four LUTs, as Yosys has it
    assert lutram_luts(32, 64) == 44  # eleven RAM32M
    assert lutram_luts(200, 16) > 24 * 4  # 24 RAM64M and the mux between four banks
    assert COSTS.lutrom_luts(64, 10) == 10
    assert COSTS.lutrom_luts(256, 10) == 40


def test_signed_bits():
    assert [signed_bits(*pair) for pair in ((0, 0), (-1, 0), (-128, 127), (-129, 0), (0, 128))] == [
        1,
        1,
        8,
        9,
        9,
    ]


def shape_of(network, name: str) -> ConvShape:
    return ConvShape.of(network, network.op(name))


def test_window_pixels_cover_a_window_and_the_longest_jump():
    shape = shape_of(squeezenet1_1(), "conv1")  # 224 x 224, 3 x 3, stride 2, no padding
    starts = np.array([[r * 2 * 224 + c * 2 for c in range(111)] for r in range(111)]).ravel()
    jumps = np.diff(np.append(starts, 224 * 224))
    assert shape.window_pixels == 2 * 224 + 3 + jumps.max()
    assert shape_of(squeezenet1_1(), "conv10").window_pixels == 4


def test_an_engine_is_the_sum_of_its_parts():
    shape = shape_of(cifar(), "conv1")
    plan = EnginePlan(
        pe=16,
        simd=3,
        lanes=2,
        multiplier="dsp48e1",
        weight_memory="block",
        window_memory="lut",
        window_pixels=shape.window_pixels,
    )
    lut_plan = replace(plan, weight_memory="lut")
    in_block, in_lut = COSTS.engine_cost(shape, plan, 1), COSTS.engine_cost(shape, lut_plan, 1)
    assert shape.weight_bits == 6
    assert in_block.dsp == 16 // 2 * 3 + 2  # two rows a DSP block, and the requantiser
    assert in_block.bram36 == 8 / 2  # 288 bits in columns of 36, of RAMB18 each
    assert in_lut.bram36 == 0
    assert in_lut.lut == in_block.lut + 16 * 3 * 6
    in_fabric = COSTS.engine_cost(shape, replace(plan, multiplier="lut"), 1)
    assert in_fabric.dsp == 2
    assert in_fabric.lut > in_block.lut + 16 * 3 * 20


def test_codes_save_memory_and_cost_a_table():
    shape = shape_of(cifar(), "fire2/expand3x3")
    coded = replace(shape, weight_bits=5, code_bits=3)
    plain = replace(shape, weight_bits=5, code_bits=5)
    plan = EnginePlan(
        pe=8,
        simd=4,
        lanes=2,
        multiplier="dsp48e1",
        weight_memory="block",
        window_memory="lut",
        window_pixels=shape.window_pixels,
    )
    with_table, without = COSTS.engine_cost(coded, plan, 4), COSTS.engine_cost(plain, plan, 4)
    assert with_table.bram36 < without.bram36
    assert with_table.dsp == without.dsp
    assert with_table.lut == without.lut + 8 * 4 * 5
    assert with_table.ff == without.ff + 8 * 4 * 5


def test_coefficients_count_for_the_model_that_has_them():
    shape = shape_of(cifar(), "conv1")
    plan = EnginePlan(16, 3, 2, "lut", "lut", "lut", shape.window_pixels)
    before = COSTS.engine_cost(shape, plan, 1)
    given = COSTS.coefficients
    changed = replace(given, engine_ff=given.engine_ff + 100, shared_lut=given.shared_lut + 10)
    after = CostModel(changed).engine_cost(shape, plan, 1)
    assert after.lut == pytest.approx(before.lut + 3 * 10, abs=1)
    assert after.ff > before.ff + 99
    assert COSTS.engine_cost(shape, plan, 1) == before


def test_models_of_equal_coefficients_are_equal():
    assert CostModel(Coefficients.load()) == COSTS
    assert len({CostModel(Coefficients.load()), COSTS, CostModel.fitted()}) == 1


def test_wide_sums_take_two_multipliers_a_lane():
    shape = shape_of(cifar(), "conv1")
    assert COSTS.requantise_cost(replace(shape, accumulator_bits=24), 4).dsp == 4
    assert COSTS.requantise_cost(replace(shape, accumulator_bits=25), 4).dsp == 8


def test_accumulators_are_as_wide_as_the_weights_need():
    network = cifar()
    shape, op = shape_of(network, "conv10"), network.op("conv10")
    low, high = op.accumulator_bounds(network.tensors[op.inputs[0]])
    assert -(1 << (shape.accumulator_bits - 1)) <= low
    assert high < 1 << (shape.accumulator_bits - 1)
    assert shape.sum_bits > shape.accumulator_bits


def test_a_smaller_window_memory_makes_the_engine_wait_between_frames():
    shape = shape_of(squeezenet1_1(), "fire2/expand3x3")  # 55 x 55 with a border of 1
    plan = EnginePlan(8, 1, 1, "lut", "lut", "lut", shape.window_pixels)
    busy = shape.compute_cycles(8, 1)
    assert shape.window_pixels == 2 * (2 * 57 + 3)
    assert shape.engine_cycles(plan) == busy
    # The first window ends in the third row and column, the second ones of the frame.
    assert shape.wait_pixels(shape.window_pixels - 5) == 5
    assert shape.wait_pixels(shape.fewest_pixels) == 55 + 2
    assert shape.fewest_pixels == 2 * 57 + 3 + 3
    short = replace(plan, window_pixels=shape.fewest_pixels)
    assert shape.engine_cycles(short) == busy + -(-busy * 57 // 55**2)
    small = shape_of(squeezenet1_1(), "fire9/expand3x3")
    assert small.wait_pixels(small.fewest_pixels) <= 0.02 * 13 * 13


def test_min_lanes_grow_as_cycles_shrink_and_end():
    network = squeezenet1_1()
    loose, tight = min_lanes(network, 10_000_000), min_lanes(network, 200_000)
    assert set(loose.values()) == {1}
    assert tight["conv1"] == 4  # 111 x 111 x 64 values
    assert all(tight[name] >= lanes for name, lanes in loose.items())
    assert min_lanes(network, 111 * 111) is not None  # conv1 with a pixel a transfer
    assert min_lanes(network, 111 * 111 - 1) is None
    assert tight[INPUT] == 1

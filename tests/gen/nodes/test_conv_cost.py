"""What a convolution engine costs: the parts of it."""

from dataclasses import replace

import pytest

from gen.cost.model import CostModel
from gen.nodes.conv_cost import engine_cost, requantise_cost, scale_memory, tap_cost
from hw.layers.folding import EnginePlan
from tests.gen.nodes.shapes import shape_of
from tests.gen.squeezenets import cifar

COSTS = CostModel.fitted()


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
    in_block, in_lut = engine_cost(COSTS, shape, plan, 1), engine_cost(COSTS, shape, lut_plan, 1)
    assert shape.weight_bits == 6
    assert in_block.dsp == 16 // 2 * 3 + 2  # two rows a DSP block, and the requantiser
    assert in_block.bram36 == 8 / 2  # 288 bits in columns of 36, of RAMB18 each
    assert in_lut.bram36 == 0
    assert in_lut.lut == in_block.lut + 16 * 3 * 6
    in_fabric = engine_cost(COSTS, shape, replace(plan, multiplier="lut"), 1)
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
    with_table, without = engine_cost(COSTS, coded, plan, 4), engine_cost(COSTS, plain, plan, 4)
    assert with_table.bram36 < without.bram36
    assert with_table.dsp == without.dsp
    assert with_table.lut == without.lut + 8 * 4 * 5
    assert with_table.ff == without.ff + 8 * 4 * 5


def test_coefficients_count_for_the_model_that_has_them():
    shape = shape_of(cifar(), "conv1")
    plan = EnginePlan(16, 3, 2, "lut", "lut", "lut", shape.window_pixels)
    before = engine_cost(COSTS, shape, plan, 1)
    given = COSTS.coefficients
    changed = given.replaced(
        engine_ff=given.values["engine_ff"] + 100, shared_lut=given.values["shared_lut"] + 10
    )
    after = engine_cost(CostModel(changed), shape, plan, 1)
    assert after.lut == pytest.approx(before.lut + 3 * 10, abs=1)
    assert after.ff > before.ff + 99
    assert engine_cost(COSTS, shape, plan, 1) == before


def test_wide_sums_take_two_multipliers_a_lane():
    shape = shape_of(cifar(), "conv1")
    assert requantise_cost(COSTS, replace(shape, accumulator_bits=24), 4, "lut").dsp == 4
    assert requantise_cost(COSTS, replace(shape, accumulator_bits=25), 4, "lut").dsp == 8


def test_a_tap_takes_a_queue_of_a_pixel():
    shape = shape_of(cifar(), "fire2/expand3x3")
    plan = EnginePlan(8, 4, 2, "lut", "lut", "lut", shape.window_pixels)
    plain, tapped = (engine_cost(COSTS, shape, plan, 4, tapped=tap) for tap in (False, True))
    assert tapped.lut == plain.lut + tap_cost(COSTS, shape, 4).lut
    # Four words of 32 bits, six to four LUTs, and the fork.
    assert tap_cost(COSTS, shape, 4).lut == 6 * 4 + COSTS.unit_cost().lut
    assert tapped.ff == plain.ff + 32 + COSTS.unit_cost().ff


def test_scales_are_in_the_memory_that_the_plan_says():
    shape = shape_of(cifar(), "conv1")
    in_luts, in_block = (requantise_cost(COSTS, shape, 2, kind) for kind in ("lut", "block"))
    assert in_luts.bram36 == 0 < in_block.bram36
    assert in_luts.lut > in_block.lut
    plan = EnginePlan(16, 3, 2, "lut", "lut", "lut", shape.window_pixels)
    costs = [engine_cost(COSTS, shape, replace(plan, scale_memory=kind), 1)
             for kind in ("lut", "block")]  # fmt: skip
    assert costs[1].bram36 == costs[0].bram36 + in_block.bram36
    # 24 words of two lanes fit LUTs.
    assert scale_memory(shape, 2) == "lut"
    assert scale_memory(replace(shape, cout=4096), 1) == "block"

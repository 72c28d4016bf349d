"""The model of costs: families, converters, and coefficients that count where they should."""

from dataclasses import replace

import pytest

from boards.board import Resources
from gen.cost.coefficients import Coefficients
from gen.cost.model import Common, CostModel
from hw.arith.mac import MacConfig

COSTS = CostModel.fitted()


def test_the_fitted_model_has_the_coefficients_that_were_fitted_last():
    assert CostModel.fitted() is COSTS
    assert COSTS.coefficients == Coefficients.load()


def test_luts_are_counted_in_those_of_the_family():
    held = Resources(100, 200, 3, 4.5)
    assert COSTS.on_family(held, "xc7") == held
    lut = round(100 * COSTS.coefficients.of(Common).lut4_per_lut6)
    assert COSTS.on_family(held, "ecp5") == replace(held, lut=lut)
    assert lut > 100


def test_a_converter_is_as_wide_as_its_wider_side():
    assert COSTS.converter_cost(4, 4) == Resources(0, 0, 0, 0)
    assert COSTS.converter_cost(2, 6) == COSTS.converter_cost(6, 2)
    fitted = COSTS.coefficients.of(Common)
    assert COSTS.converter_cost(2, 6).ff == round(fitted.stream_ff * 48)
    assert COSTS.converter_cost(2, 6, 20).lut == round(fitted.stream_lut * 120)


def test_a_model_keeps_what_it_was_asked():
    changed = CostModel(COSTS.coefficients.replaced(stream_lut=1.0, digit_lut=0.0, shared_lut=0.0))
    before = COSTS.converter_cost(1, 8)
    assert changed.converter_cost(1, 8).lut == 64
    assert COSTS.converter_cost(1, 8) == before
    array = MacConfig("lut", 4, 2, 8, 20, True)
    assert changed.multiply_cost(array).lut < COSTS.multiply_cost(array).lut


@pytest.mark.parametrize(("kind", "dsp"), [("dsp48e1", 4), ("mult18x18d", 8), ("lut", 0)])
def test_multipliers_of_8_bits(kind, dsp):
    # Two rows a DSP48E1, one a multiplier of the ECP5's.
    assert COSTS.multiply_cost(MacConfig(kind, 4, 2, 8, 20, True)).dsp == dsp


def test_no_coefficient_is_negative():
    assert all(value >= 0 for value in COSTS.coefficients.values.values())

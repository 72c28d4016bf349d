"""The wire model: its formula, what costs nothing, and the constants that ship."""

import numpy as np
import pytest

from gen.timing.cell_timing import (
    BLOCK,
    CARRY,
    CHAIN,
    DATA,
    LOGIC,
    LUT,
    MUX,
    OPERAND,
    OTHER,
    SELECTED,
)
from gen.timing.wires import WireModel
from tests.gen.timing.netlists import WIRES


def delay(driver, pin, fan_out):
    (ns,) = WIRES.delays(np.array([driver]), np.array([pin]), np.array([fan_out]))
    return ns


@pytest.mark.parametrize(
    ("driver", "pin", "fan_out", "ns"),
    [
        (OTHER, LOGIC, 1, 1.0),
        (OTHER, LOGIC, 32, 1.5),
        (OTHER, LOGIC, 64, 2.0),
        (OTHER, DATA, 1, 1.0),
        (BLOCK, LOGIC, 1, 1.25),
        (BLOCK, BLOCK, 2, 1.6),
        (LUT, LOGIC, 1, 1.0),
        (LUT, DATA, 1, 0.0),
        (CARRY, DATA, 1, 0.0),
        (MUX, DATA, 2, 1.1),
        (LUT, SELECTED, 1, 0.0),
        (MUX, SELECTED, 1, 0.0),
        (OTHER, SELECTED, 1, 1.0),
        (LUT, OPERAND, 1, 0.0),
        (LUT, OPERAND, 2, 1.3),
        (OTHER, OPERAND, 1, 1.2),
        (CARRY, CHAIN, 1, 0.0),
        (OTHER, CHAIN, 1, 1.0),
    ],
)
def test_a_wires_delay(driver, pin, fan_out, ns):
    assert delay(driver, pin, fan_out) == pytest.approx(ns)


@pytest.mark.parametrize("family", ["xc7", "ecp5"])
def test_the_fitted_constants_make_sense(family):
    model = WireModel.load(family)
    assert 0.3 < model.base < 1.5
    assert 0 <= model.slope < model.wide_slope < 1
    assert 0 <= model.block < 2
    assert 1 <= model.routed < 2
    assert model.error is None or 0 <= model.error < 0.2

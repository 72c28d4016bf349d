"""The fit of the cost estimates, on counts that are known to come from other coefficients."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from bench.calibrate import COUNTED, Design, Sample, errors, fit, lut4_per_lut6
from gen.backend.cells import CellCount
from gen.cost.coefficients import Coefficients
from gen.plan.planner import plan


def sample(design: Design, truth: Coefficients) -> Sample:
    """A design whose synthesis would give what the formulas say with ``truth``."""
    network = design.network
    made = plan(network, design.target, fps=design.fps)
    layers = [op.name for op in network.ops]
    empty = Sample(design, network, made, dict.fromkeys(layers, CellCount()))
    rows = empty.estimated(truth).astype(int)
    counts = [CellCount(**dict(zip(COUNTED, row, strict=True))) for row in rows]
    return replace(empty, counts=dict(zip(layers, counts, strict=True)))


@pytest.fixture(scope="module")
def found():
    start = Coefficients.load()
    values = asdict(start)
    truth = replace(
        start,
        engine_lut=values["engine_lut"] * 1.5,
        digit_lut=values["digit_lut"] * 0.8,
        unit_ff=values["unit_ff"] * 2,
    )
    designs = (Design(4, "arty_a7", fps=400, dsp=60), Design(4, "arty_a7_35", fps=100))
    samples = [sample(design, truth) for design in designs]
    return samples, start, truth, fit(samples, start)


def test_coefficients_come_back(found):
    _, _, truth, fitted = found
    for name in ("engine_lut", "digit_lut", "unit_ff"):
        assert getattr(fitted, name) == pytest.approx(getattr(truth, name), rel=0.1), name


def test_the_ecp5s_factor_comes_back():
    start = Coefficients.load()
    ecp5 = sample(Design(4, "ulx3s_85", fps=100), replace(start, lut4_per_lut6=1.7))
    assert lut4_per_lut6(ecp5, start) == pytest.approx(1.7, rel=0.01)


def test_totals_are_told_and_agree_after_the_fit(found):
    samples, start, _, fitted = found
    rows = errors(samples, start, fitted)
    assert [row["resource"] for row in rows] == [*COUNTED] * 2
    for row in rows:
        assert row["now"] == pytest.approx(row["counted"], rel=0.01)
    assert any(abs(float(row["before"]) / float(row["counted"]) - 1) > 0.03 for row in rows)


def test_narrowed_weights_fit_their_width():
    for bits in (3, 8):
        for op in Design(bits, "arty_a7").network.convs:
            assert op.weight_bits == bits
            assert np.abs(op.weights.astype(int)).max() < 1 << (bits - 1)

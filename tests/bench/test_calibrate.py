"""The fit of the cost estimates, on counts that are known to come from other coefficients."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest

import bench.samples as samples_module
from bench.calibrate import COUNTED, errors, errors_by_kind, fit, lut4_per_lut6
from bench.samples import DESIGNS, Design, Sample, measure
from gen.backend.cells import CellCount
from gen.cost.coefficients import Coefficients, Group
from gen.nodes.graph import KINDS, Graph
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
    values = start.values
    truth = start.replaced(
        engine_lut=values["engine_lut"] * 1.5,
        digit_lut=values["digit_lut"] * 0.8,
        unit_ff=values["unit_ff"] * 2,
        maximum_lut=values["maximum_lut"] * 1.5,
    )
    designs = (
        Design(4, "arty_a7", fps=400, dsp=60),
        Design(4, "arty_a7_35", fps=100),
        Design(4, "arty_a7", fps=1000, name="kinds"),
    )
    samples = [sample(design, truth) for design in designs]
    return samples, start, truth, fit(samples, start)


def test_coefficients_come_back(found):
    _, _, truth, fitted = found
    for name in ("engine_lut", "digit_lut", "unit_ff"):
        assert fitted.values[name] == pytest.approx(truth.values[name], rel=0.1), name


def test_the_ecp5s_factor_comes_back():
    start = Coefficients.load()
    ecp5 = sample(Design(4, "ulx3s_85", fps=100), start.replaced(lut4_per_lut6=1.7))
    assert lut4_per_lut6(ecp5, start) == pytest.approx(1.7, rel=0.01)


def test_totals_are_told_and_agree_after_the_fit(found):
    samples, start, _, fitted = found
    rows = errors(samples, start, fitted)
    assert [row["resource"] for row in rows] == [*COUNTED] * 3
    for row in rows:
        assert row["now"] == pytest.approx(row["counted"], rel=0.01)
    assert any(abs(float(row["before"]) / float(row["counted"]) - 1) > 0.03 for row in rows)


def test_narrowed_weights_fit_their_width():
    for bits in (3, 8):
        for op in Design(bits, "arty_a7").network.convs:
            assert op.weight_bits == bits
            assert np.abs(op.weights.astype(int)).max() < 1 << (bits - 1)


def test_every_kind_has_samples_and_its_error_is_told(found):
    samples, start, _, fitted = found
    rows = list(errors_by_kind(samples, start, fitted))
    assert {row["kind"] for row in rows} == {kind.__name__.removesuffix("Node") for kind in KINDS}
    for row in rows:
        assert row["now"] == pytest.approx(row["counted"], rel=0.05)
        assert float(row["each"]) < 10


def test_every_kind_is_in_a_design_that_is_synthesised():
    network = next(design for design in DESIGNS if design.name == "kinds").network
    assert {type(node) for node in Graph.of(network)} == set(KINDS)


def test_each_coefficient_belongs_to_one_group():
    groups: list[Any] = [
        group for group in Group.__subclasses__() if group.__module__.startswith("gen.")
    ]
    names = [item.name for group in groups for item in fields(group)]
    assert sorted(names) == sorted(Coefficients.load().values)


def test_what_is_missing_is_not_free():
    @dataclass(frozen=True)
    class Unknown(Group):
        unknown_lut: float

    with pytest.raises(KeyError, match="unknown_lut"):
        Coefficients.load().of(Unknown)


def test_a_design_is_counted_once(tmp_path, monkeypatch):
    calls = []

    def count(folder, family, network):
        calls.append(family)
        return {name: CellCount(lut=len(calls)) for name in ("board", "conv1")}

    monkeypatch.setattr(samples_module, "synthesise", count)
    design = Design(4, "arty_a7_35", fps=100)
    first, again = measure(design, tmp_path), measure(design, tmp_path)
    assert calls == ["xc7"]
    assert first.counts == again.counts == {"conv1": CellCount(lut=1)}
    measure(replace(design, fps=60), tmp_path)
    assert len(calls) == 2

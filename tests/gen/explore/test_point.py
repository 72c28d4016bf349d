import json
from types import SimpleNamespace
from typing import Any

import pytest

from boards.board import Resources
from gen.common.errors import FirebrickError
from gen.explore import point as point_module
from gen.explore.network import drawn_network
from gen.explore.point import INPUT_PACE, TITLES, Result, plan_point
from gen.explore.version import code_version
from gen.formats.family import Family
from gen.ir.widths import Width
from gen.nodes.graph import Graph
from gen.plan.planner import Goal
from tests.gen.explore.sweeps import made_space

TINY: dict[str, Any] = {"size": 32, "classes": 10, "base_e": 8, "incr_e": 0, "sr": 0.5}


def planned(**space):
    (point,) = made_space(**space).points()
    return point, plan_point(code_version(), point)


def test_a_point_is_planned_as_gen_would():
    _, result = planned(**TINY, boards=("ulx3s_85",))
    family = Family(**TINY)
    goal = Goal(point_module.BOARDS["ulx3s_85"])
    network = drawn_network(family, Width(4))
    made = goal.plan(network)
    design = result.design
    assert (result.parameters, result.macs) == (family.parameters, family.macs)
    assert (design.cycles, design.clock_hz) == (made.cycles, 80_000_000)
    assert (design.lut, design.dsp) == (made.resources.lut, made.resources.dsp)
    assert (design.ff, design.bram36) == (made.resources.ff, made.resources.bram36)
    assert design.multipliers == Graph.of(network).multipliers(made.nodes)
    assert design.frames_per_second == made.frames_per_second
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"sr": 2.0}, "sr=2.0: sr takes a number above 0, at most 1"),
        ({"sr": 0.0001}, "sr=0.0001: leaves fire2_squeeze1x1 no channel of 128"),
        ({"freq": 1, "bypass": "simple"}, "bypass=simple: no Fire module has as many"),
    ],
)
def test_what_is_no_member_of_the_family_says_why(values, why):
    _, result = planned(**values)
    assert result.why.startswith(why)
    assert result == Result(why=result.why)


def test_what_does_not_fit_says_why():
    _, result = planned(**{**TINY, "base_e": 256, "boards": ("arty_a7_35",)})
    assert "does not fit arty_a7_35: " in result.why
    assert result.design is None
    assert result.lasting
    assert result.parameters == Family(**{**TINY, "base_e": 256}).parameters


def test_what_is_far_too_large_is_not_even_drawn(monkeypatch):
    monkeypatch.setattr(point_module, "drawn_network", None)
    _, result = planned(sr=1.0, base_e=1024, incr_e=512)
    assert "its weights take 673.5 Mbit, and all block RAMs and LUTs together hold 9.0" in (
        result.why
    )
    assert result.lasting


def test_a_fault_costs_one_point_and_may_pass(monkeypatch):
    def fails(*_):
        raise AssertionError("no such thing")

    monkeypatch.setattr(point_module, "drawn_network", fails)
    _, result = planned(**TINY)
    assert result.why == "fault: AssertionError: no such thing"
    assert not result.lasting


def test_other_code_plans_nothing():
    (point,) = made_space(**TINY).points()
    with pytest.raises(FirebrickError, match="another version of firebrick"):
        plan_point("other", point)


@pytest.mark.parametrize(
    ("used", "slowest", "limits"),
    [
        ({"dsp": 0.96}, "conv1", "DSP"),
        ({"lut": 0.77, "bram36": 1.0, "dsp": 0.94}, "conv1", "LUT, RAMB36"),
        ({"lut": 0.75, "ff": 0.75}, "conv1", "conv1"),
        ({"dsp": 1.0}, "board", INPUT_PACE),
    ],
)
def test_what_limits(used, slowest, limits):
    board = point_module.BOARDS["arty_a7"]
    held = {name: used.get(name, 0) * getattr(board.resources, name) for name in TITLES}
    made: Any = SimpleNamespace(slowest=[slowest, "conv10"], resources=Resources(**held))
    assert point_module.limits(made, board, 0.8) == limits

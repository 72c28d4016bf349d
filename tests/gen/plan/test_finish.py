"""The complete plan of a network on a board: costs, cycles and queues of every op."""

from dataclasses import replace
from math import ceil

import pytest

from boards.board import Resources
from gen.cost.memories import lutram_luts, memory_cost, total
from gen.ir.ops import Add
from gen.nodes.conv_cost import engine_cost
from gen.nodes.option import LanesPlan, NodePlan
from gen.nodes.pool import MaxPoolPlan
from gen.plan.limits import limits
from gen.plan.link import link_cost
from gen.plan.plan import Plan
from gen.plan.problem import Problem, finish
from gen.plan.queues import queues
from hw.layers.folding import EnginePlan
from tests.gen.plan.problems import AMPLE, CLOCK, COSTS, TINY, problem, shape

ENGINES = {
    name: EnginePlan(
        pe, simd, lanes, "dsp48e1", "block", "lut", shape(problem(), name).window_pixels
    )
    for name, pe, simd, lanes in [
        ("conv1", 4, 3, 2),
        ("fire2/squeeze", 4, 8, 4),
        ("fire2/expand1x1", 6, 4, 6),
        ("fire2/expand3x3", 3, 2, 3),
        ("fire3/squeeze", 1, 5, 1),
        ("fire3/expand1x1", 2, 3, 2),
        ("fire3/expand3x3", 8, 1, 8),
        ("conv10", 1, 6, 1),
    ]
}
LANES = {"fire2/concat": 2, "fire3/concat": 4, "fire3/add": 12, "sums": 5}
PLANS: dict[str, NodePlan] = {
    **ENGINES,
    "pool1": MaxPoolPlan(4, "lut"),
    **{name: LanesPlan(lanes) for name, lanes in LANES.items()},
}
FEEDS = {
    "conv1": 1,
    "fire2/squeeze": 4,
    "fire2/expand3x3": 4,
    "fire2/expand1x1": 2,  # the centre taps of a window of so many channels a word
    "fire3/squeeze": 2,
    "fire3/expand3x3": 1,
    "fire3/expand1x1": 1,
    "conv10": 12,
}


def other_costs(whole: Problem, made: Plan) -> dict[str, list[Resources]]:
    """Every op without an engine, piece by piece, with PLANS around it."""
    add = TINY.op("fire3/add")
    assert isinstance(add, Add)
    unit = COSTS.unit_cost()
    products = sum(multiplier.bit_count() > 1 for multiplier in add.multiplier)
    around = made.queues["fire3/add[1]"]
    return {
        # Maxima of a pixel and a queue of one, a row of three pixels, a comparator a lane.
        "pool1": [
            unit,
            Resources(2 * lutram_luts(2, 32), 0, 0, 0),
            fitted("pool", 32),
            memory_cost("lut", 3 * 8 // 4, 32),
            COSTS.converter_cost(2, 4),
        ],
        "fire2/concat": [
            unit,
            joined(2),
            two_pixels(6, 2),
            two_pixels(6, 2),
            COSTS.converter_cost(6, 2),
            COSTS.converter_cost(3, 2),
        ],
        "fire3/concat": [
            unit,
            joined(4),
            two_pixels(4, 4),
            two_pixels(8, 4),
            COSTS.converter_cost(2, 4),
            COSTS.converter_cost(8, 4),
        ],
        "fire3/add": [
            unit,
            fitted("add", 12),
            Resources(0, 0, products * 12, 0),
            memory_cost("lut", around.pixels * 12 // 2, 8 * 2),
            COSTS.converter_cost(2, 12),
            COSTS.converter_cost(4, 12),
        ],
        # Six codes of -128 to 127: sums of 11 bits.
        "sums": [
            unit,
            fitted("sum", 55),
            Resources(lutram_luts(2, 55), 0, 0, 0),
            COSTS.converter_cost(1, 5),
            COSTS.converter_cost(5, 1, 11),
        ],
    }


def joined(lanes: int) -> Resources:
    """A concatenation of two inputs."""
    values = COSTS.coefficients.values
    lut = round(values["joiner_lut"] + values["concat_lut"] * lanes)
    return Resources(lut, round(values["concat_ff"] * lanes * 2), 0, 0)


def fitted(what: str, count: int) -> Resources:
    """So many times the coefficients of that name."""
    values = COSTS.coefficients.values
    lut, ff = (round(values[f"{what}_{key}"] * count) for key in ("lut", "ff"))
    return Resources(lut, ff, 0, 0)


def two_pixels(channels: int, lanes: int) -> Resources:
    """The queue in front of a part of a concatenation."""
    return memory_cost("lut", 2 * channels // lanes, 8 * lanes)


@pytest.mark.parametrize("family", ["xc7", "ecp5"])
def test_the_cost_of_every_op(family):
    whole = problem(replace(AMPLE, family=family))
    found = finish(whole, PLANS, CLOCK)
    assert set(found.costs) == {"board", *(op.name for op in TINY.ops)}
    for name, parts in other_costs(whole, found).items():
        assert found.costs[name].resources == COSTS.on_family(total(parts), family), name
    for name, engine in ENGINES.items():
        tapped = name.endswith("expand3x3")
        cost = engine_cost(
            COSTS, shape(whole, name), engine, FEEDS[name], tapped=tapped, family=family
        )
        queue = found.queues.get(f"{name}[0]")
        waiting = [] if queue is None else [queue.cost]
        expected = COSTS.on_family(total([cost, *waiting]), family)
        assert found.costs[name].resources == expected, name
    assert found.costs["board"].resources == COSTS.on_family(link_cost(whole.board, TINY), family)
    assert found.costs["board"].cycles == whole.shell_cycles


def test_a_finished_plan_has_its_queues():
    whole = problem()
    found = finish(whole, PLANS, CLOCK)
    busy = {name: cost.cycles for name, cost in found.costs.items()}
    assert found.queues == queues(whole.graph, PLANS, busy, found.cycles)
    assert {"fire2/concat[0]", "fire2/concat[1]", "fire3/add[1]"} <= set(found.queues)


def test_the_cycles_of_every_op():
    whole = problem()
    found = finish(whole, PLANS, CLOCK)
    cycles = {name: cost.cycles for name, cost in found.costs.items()}
    assert cycles["conv1"] == 6 * 5 * 2 * 9
    assert cycles["pool1"] == 6 * 5 * 8 // 2  # lanes of 2 and of 4 meet at 2
    assert cycles["fire2/expand3x3"] == 3 * 2 * 2 * 9 * 2  # four folds of two words and nine taps
    # Lanes of 3 meet 2 in front of the concatenation.
    assert cycles["fire2/concat"] == max(3 * 2 * 12 // 2, 3 * 2 * 6)
    assert cycles["fire3/squeeze"] == max(3 * 2 * 3 * 3, 3 * 2 * 12)  # input lanes of 2 and 5
    assert cycles["fire3/add"] == 3 * 2 * 12 // 2  # the bypass, not the module
    assert cycles["sums"] == 3 * 2 * 5
    found_limits = list(limits(whole.graph, PLANS))
    for op in TINY.ops:
        assert cycles[op.name] == max(limit for name, _, limit in found_limits if name == op.name)
    assert found.cycles == max(cycles.values()) == 6 * 5 * 2 * 9
    assert found.slowest == ["conv1"]
    assert (found.nodes, found.clock_hz) == (PLANS, CLOCK)


def test_a_stream_that_waits_takes_longer():
    """A window memory of fewer pixels makes what is behind it wait between frames, too."""
    whole = problem()
    name = "fire3/expand3x3"
    short = replace(ENGINES[name], window_pixels=ENGINES[name].window_pixels - 1)
    plans = PLANS, {**PLANS, name: short}
    before, after = (finish(whole, each, CLOCK).costs["fire3/concat"] for each in plans)
    share = whole.graph[name].waits(short)
    assert share > 0
    assert after.cycles == before.cycles + ceil(before.cycles * share)


def test_the_shell_can_be_the_slowest():
    fast = {**PLANS, "conv1": replace(ENGINES["conv1"], pe=8)}
    found = finish(problem(), fast, CLOCK)
    assert found.slowest == ["board"]
    assert found.cycles == 375


def test_converters_belong_to_the_op_behind_them():
    """Other lanes in front change the cost of an op by the converter's alone."""
    whole = problem()
    before = finish(whole, PLANS, CLOCK).costs
    wide = {**PLANS, "conv1": replace(ENGINES["conv1"], lanes=4)}
    after = finish(whole, wide, CLOCK).costs
    saved = before["pool1"].resources.lut - after["pool1"].resources.lut
    assert saved == COSTS.converter_cost(2, 4).lut > 0
    assert {name for name in before if before[name] != after[name]} == {"conv1", "pool1"}

"""One network on one board: budgets, attempts at a target, and options among neighbours."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from boards.board import Board, Resources
from gen.cost.memories import resource_row, total
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT
from gen.nodes.conv import ConvNode
from gen.nodes.conv_cost import engine_cost
from gen.nodes.foldings import options
from gen.nodes.graph import Graph
from gen.nodes.option import LanesPlan, Option, Surroundings
from gen.nodes.unit import UnitNode
from gen.plan import problem as under_test
from gen.plan.limits import min_lanes
from gen.plan.link import link_cost, shell_cycles
from gen.plan.plan import Plan
from gen.plan.problem import TRIES, Choices, Problem, attempt, finish, node_options
from gen.plan.queues import usual_queues
from hw.layers.folding import EnginePlan
from tests.gen.devices import KINTEX, SMALL, board
from tests.gen.plan.problems import AMPLE, CLOCK, COSTS, TINY, problem, shape
from tests.networks import NetworkBuilder, conv_network, fire_network


def part_used(found: Plan, whole: Problem) -> float:
    """What the integer program makes small."""
    return float(np.sum(np.array(resource_row(found.resources)) / whole.budget))


def test_a_problem_has_the_graph_of_its_network():
    graph = problem().graph
    assert set(graph.nodes) == {op.name for op in TINY.ops}
    assert graph.edges == Graph.of(TINY).edges
    assert all(graph[op.name].op.inputs == op.inputs for op in TINY.ops)


@pytest.mark.parametrize(("utilisation", "lut", "ff"), [
    (1.0, 1003, 2007), (0.8, 802, 1605), (0.5, 501, 1003), (0.001, 1, 2),
])  # fmt: skip
def test_only_the_logic_is_kept_back(utilisation: float, lut: int, ff: int):
    held = problem(board("odd", 1003, 2007, 31, 12.5), utilisation=utilisation)
    assert held.budget == (31, lut, 12.5, ff)


@pytest.mark.parametrize(("network", "expected"), [
    # A convolution: 6 x 5 pixels, 8 channels, windows of 27.
    (TINY, 6 * 5 * 8 * 27),
    # The board's shell: 216 bytes, one of which is escaped, and the packet around them.
    (conv_network(shape=(9, 8, 3), channels=1, kernel=1), 9 * 8 * 3 + 1 + 13),
    # Reading a padded map, of whose pixels few are used.
    (conv_network(shape=(9, 8, 3), channels=1, kernel=1, stride=9, pad=5), 19 * 18 * 3),
])  # fmt: skip
def test_the_slowest_there_is(network: QuantizedNetwork, expected: int):
    assert problem(network=network).slowest == expected


def test_a_joined_tensor_can_be_the_slowest():
    net = fire_network(shape=(6, 5, 3), channels=1, squeeze=1, expand1x1=60, expand3x3=1)
    whole = problem(network=net)
    # Without the classifier behind it, which reads 61 channels.
    graph = whole.graph
    rest = {name: node for name, node in graph.nodes.items() if name not in ("conv10", "sums")}
    assert replace(whole, graph=replace(graph, nodes=rest)).slowest == 6 * 5 * 61


@pytest.mark.parametrize("network", [
    TINY, fire_network(), conv_network(pad=3), conv_network(kernel=1, stride=3, channels=1),
])  # fmt: skip
def test_at_the_slowest_one_multiplier_is_an_option(network: QuantizedNetwork):
    whole = problem(network=network)
    least = min_lanes(whole.graph, whole.slowest)
    assert least is not None
    assert set(least.values()) == {1}
    choices = node_options(whole, whole.slowest, least)
    assert choices is not None
    for op in network.convs:
        assert (1, 1, 1) in {(o.plan.pe, o.plan.simd, o.plan.lanes) for o in choices[op.name]}


# Attempts


@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("cycles", [6480, 3000, 1000, 500, 375])
@pytest.mark.parametrize("target", [AMPLE, SMALL], ids=lambda b: b.name)
def test_attempts_keep_to_cycles_and_budget(target: Board, cycles: int, even: bool):
    whole = problem(target, utilisation=0.8)
    found = attempt(whole, cycles, CLOCK, even=even)
    assert found is not None
    assert found.cycles <= cycles
    assert all(u <= b for u, b in zip(resource_row(found.resources), whole.budget, strict=True))
    assert (found.network, found.board, found.clock_hz) == ("tiny", target.name, CLOCK)
    assert set(found.nodes) == {op.name for op in TINY.ops}
    assert found == finish(whole, found.nodes, CLOCK)
    assert found == attempt(whole, cycles, CLOCK, even=even)


def test_lanes_of_nodes_without_multipliers_are_the_fewest():
    whole = problem()
    found, least = attempt(whole, 375, CLOCK), min_lanes(whole.graph, 375)
    assert found is not None
    assert least is not None
    others = {node.name for node in whole.graph if not isinstance(node, ConvNode)}
    assert len(others) == 5
    assert {name: found.nodes[name].lanes for name in others} == {
        name: least[name] for name in others
    }


def test_nothing_is_faster_than_the_shell():
    whole = problem(KINTEX)
    assert whole.shell_cycles == shell_cycles(TINY, KINTEX) == 375
    assert attempt(whole, 375, CLOCK) is not None
    assert attempt(whole, 374, CLOCK) is None


def test_maps_larger_than_their_input_limit_the_target():
    whole = problem(network=conv_network(shape=(4, 4, 3), kernel=1, pad=8))
    assert whole.shell_cycles < 20 * 20
    assert attempt(whole, 20 * 20 - 1, CLOCK) is None  # no lanes carry them
    assert attempt(whole, 20 * 20, CLOCK) is not None


def test_folding_can_be_what_is_too_slow():
    # Everything flows in time, but rings of padding pixels are written too: no engine is so fast.
    whole = problem(network=conv_network(shape=(9, 8, 3), kernel=7, stride=4, pad=20, channels=3))
    least = min_lanes(whole.graph, whole.shell_cycles)
    assert least is not None
    assert node_options(whole, whole.shell_cycles, least) is None
    assert attempt(whole, whole.shell_cycles, CLOCK) is None


def test_one_convolution_without_options_is_enough():
    net = NetworkBuilder((9, 8, 3), 1)
    x = net.conv("wide", "input", 3, 7, stride=4, pad=20, pad_code=128)
    whole = problem(network=net.finish("two", net.conv("last", x, 2, 1)))
    least = min_lanes(whole.graph, 1000)
    assert least is not None
    around = Surroundings((1,), 1)
    assert options(shape(whole, "last"), around, 1000)
    assert not options(shape(whole, "wide"), around, 1000)
    assert node_options(whole, 1000, least) is None


@pytest.mark.parametrize("short", ["lut", "ff", "dsp", "bram36"])
def test_nothing_fits_where_a_resource_is_short(short: str):
    held = replace(AMPLE, resources=replace(AMPLE.resources, **dict.fromkeys([short], 0)))
    assert attempt(problem(), 1000, CLOCK) is not None
    assert attempt(problem(held), 1000, CLOCK) is None


@pytest.mark.parametrize("short", ["lut", "dsp"])
def test_what_fits_a_board_fits_a_larger_one(short: str):
    found = attempt(problem(), 600, CLOCK)
    assert found is not None
    used = getattr(found.resources, short)
    sizes = [int(used * part) for part in np.linspace(0.4, 1.1, 9)]
    held = [replace(AMPLE, resources=replace(AMPLE.resources, **{short: n})) for n in sizes]
    fits = [attempt(problem(target), 600, CLOCK) is not None for target in held]
    assert fits == sorted(fits)
    assert fits[0] is False
    assert fits[-1] is True


def test_time_saves_hardware():
    targets = (375, 500, 1000, 2000, 6480)
    found = [attempt(problem(SMALL), cycles, CLOCK) for cycles in targets]
    parts = [part_used(plan, problem(SMALL)) for plan in found if plan is not None]
    assert len(parts) == len(targets)
    assert parts == sorted(parts, reverse=True)
    assert parts[-1] < 0.8 * parts[0]


def test_even_plans_use_less_of_what_is_used_most():
    whole = problem(SMALL)
    peaks = []
    for even in (False, True):
        found = attempt(whole, 500, CLOCK, even=even)
        assert found is not None
        peaks.append(max(np.array(resource_row(found.resources)) / whole.budget))
    assert peaks[1] < peaks[0]


def watch(monkeypatch, pick=under_test.choose) -> list[list[float]]:
    """The remaining that the integer program is given, try after try."""
    rooms: list[list[float]] = []

    def choose(choices, remaining, prices, *, even):
        rooms.append(list(remaining))
        return pick(choices, remaining, prices, even=even)

    monkeypatch.setattr(under_test, "choose", choose)
    return rooms


def test_the_program_is_told_what_converters_cost_beyond_its_room(monkeypatch):
    rooms = watch(monkeypatch)
    usual = attempt(problem(), 600, CLOCK)
    assert usual is not None
    assert len(rooms) == 1
    for lut in range(usual.resources.lut, usual.resources.lut // 2, -20):
        whole = problem(replace(AMPLE, resources=replace(AMPLE.resources, lut=lut)))
        rooms.clear()
        found = attempt(whole, 600, CLOCK)
        if found is not None and len(rooms) > 1:
            break
    else:
        pytest.fail("no board on which the first choice is too large")
    assert found.resources.lut <= lut
    assert rooms[1][1] < rooms[0][1]
    assert [*rooms[1][:1], *rooms[1][2:]] == [*rooms[0][:1], *rooms[0][2:]]


def test_the_program_is_asked_only_so_often(monkeypatch):
    usual = attempt(problem(), 600, CLOCK)
    assert usual is not None
    missing = 30
    small = replace(usual.resources, lut=usual.resources.lut - missing)
    whole = problem(replace(AMPLE, resources=small))
    choices = Choices.of(whole, 600)
    assert choices is not None
    same = {name: next(o for o in group if o.plan == usual.nodes[name])
            for name, group in choices.open.items()}  # fmt: skip
    rooms = watch(monkeypatch, lambda *_, even: same)
    assert attempt(whole, 600, CLOCK) is None
    assert len(rooms) == TRIES
    fixed = resource_row(choices.fixed)
    assert rooms[0] == [b - f for b, f in zip(whole.budget, fixed, strict=True)]
    assert [before[1] - after[1] for before, after in pairwise(rooms)] == ([missing] * (TRIES - 1))


def test_a_plan_slower_than_it_was_planned_for_is_an_error(monkeypatch):
    slow = Option(EnginePlan(1, 1, 1, "lut", "lut", "lut", 1), Resources(0, 0, 0, 0))
    watch(monkeypatch, lambda choices, *_, even: dict.fromkeys(choices, slow))
    with pytest.raises(AssertionError, match=r"planned for 375 cycles .*'conv1', .* take longer"):
        attempt(problem(), 375, CLOCK)


# Options among neighbours


@pytest.mark.parametrize("network", [
    TINY, fire_network(shape=(26, 13, 3), channels=6, squeeze=6, expand1x1=4, expand3x3=8),
], ids=lambda n: n.name)  # fmt: skip
@pytest.mark.parametrize("part", [1, 3, 9, 17])
def test_any_options_together_are_fast_enough(network: QuantizedNetwork, part: int):
    whole = problem(network=network)
    cycles = max(whole.slowest // part, whole.shell_cycles)
    least = min_lanes(whole.graph, cycles)
    assert least is not None
    choices = node_options(whole, cycles, least)
    assert choices is not None
    rng = np.random.default_rng(part)
    for _ in range(20):
        plans = {name: group[rng.integers(len(group))].plan for name, group in choices.items()}
        assert finish(whole, plans, CLOCK).cycles <= cycles


def test_windows_of_fire_modules_are_shared():
    network = fire_network(shape=(26, 13, 3), channels=6, squeeze=6, expand1x1=12, expand3x3=12)
    whole = problem(network=network)
    three, one = (f"fire2/expand{side}x{side}" for side in (3, 1))
    widths: dict[str, set[int]] = {three: set(), one: set()}
    for part in (2, 5, 9, 14, 30):
        cycles = max(whole.slowest // part, whole.shell_cycles)
        least = min_lanes(whole.graph, cycles)
        assert least is not None
        choices = node_options(whole, cycles, least)
        assert choices is not None
        for name, found in widths.items():
            found.update(o.plan.simd for o in choices[name])
            feed = least["fire2/squeeze"]
            for option in choices[name]:
                cost = engine_cost(
                    COSTS, shape(whole, name), option.plan, feed, tapped=name == three
                )
                assert option.resources == cost
    assert widths[three] <= {1, 2, 3, 6}  # whole pixels of its six channels
    assert len(widths[three]) > 1
    assert widths[one]


def test_what_neighbours_ask_of_nodes(monkeypatch):
    asked = {}
    whole = problem(replace(AMPLE, family="ecp5"))

    def watched(own):
        def options(self, around, cycles, family, costs):
            asked[self.name] = (around, cycles, family, costs)
            return own(self, around, cycles, family, costs)

        return options

    for kind in (ConvNode, UnitNode):
        monkeypatch.setattr(kind, "options", watched(kind.options))
    least = {"input": 1, "conv1": 2, "pool1": 4, "fire2/squeeze": 4, "fire2/expand1x1": 1,
             "fire2/expand3x3": 3, "fire2/concat": 6, "fire3/squeeze": 3, "fire3/expand1x1": 2,
             "fire3/expand3x3": 4, "fire3/concat": 4, "fire3/add": 12, "conv10": 5,
             "sums": 5}  # fmt: skip
    node_options(whole, 700, least)
    # Fewest lanes in and out, and the transfers of what stands still behind.
    expected: dict[str, Any] = {
        "conv1": ((1,), 2, 6 * 5 * 8 // 4),
        "pool1": ((2,), 4, 0),
        "fire2/squeeze": ((4,), 4, 0),
        "fire2/expand1x1": ((4,), 1, 3 * 2 * 12 // 6),
        "fire2/expand3x3": ((4,), 3, 3 * 2 * 12 // 6),
        "fire2/concat": ((1, 3), 6, 3 * 2 * 12 // 12),
        "fire3/squeeze": ((6,), 3, 0),
        "fire3/expand1x1": ((3,), 2, 3 * 2 * 12 // 4),
        "fire3/expand3x3": ((3,), 4, 3 * 2 * 12 // 4),
        "fire3/concat": ((2, 4), 4, 3 * 2 * 12 // 12),
        "fire3/add": ((4, 6), 12, 0),
        "conv10": ((12,), 5, 3 * 2 * 5 // 5),
        "sums": ((5,), 5, 0),
    }
    rows = {name: (Surroundings(*row), 700, "ecp5", COSTS) for name, row in expected.items()}
    assert asked == rows


# What is open and what is settled


@pytest.mark.parametrize("family", ["xc7", "ecp5"])
@pytest.mark.parametrize("cycles", [6480, 500, 375])
def test_what_is_fixed_are_the_board_the_queues_and_nodes_without_choice(family, cycles):
    whole = problem(replace(AMPLE, family=family))
    least = min_lanes(whole.graph, cycles)
    choices = Choices.of(whole, cycles)
    assert choices is not None
    assert least is not None
    everything = node_options(whole, cycles, least)
    assert everything is not None
    assert choices.open == {name: group for name, group in everything.items() if len(group) > 1}
    assert choices.settled == {
        name: group[0] for name, group in everything.items() if len(group) == 1
    }
    assert set(choices.settled) >= {"pool1", "fire2/concat", "fire3/concat", "fire3/add", "sums"}
    waiting = usual_queues(whole.graph, least, cycles).values()
    parts = [link_cost(whole.board, TINY), *(queue.cost for queue in waiting)]
    parts = [COSTS.on_family(part, family) for part in parts]
    parts += [option.resources for option in choices.settled.values()]
    assert choices.fixed == total(parts)


def test_a_choice_of_nothing_needs_room_all_the_same():
    option = Option(LanesPlan(1), Resources(1, 1, 1, 1))
    settled = Choices({}, {"sums": option}, option.resources)
    assert settled.pick([0.0, 0.0, 0.0, 0.0], [1] * 4) == {"sums": option}
    assert settled.pick([0.0, -1.0, 0.0, 0.0], [1] * 4) is None


def test_what_is_picked_is_added_to_what_is_settled():
    first, second = (Option(LanesPlan(lanes), Resources(lanes, 1, 0, 0)) for lanes in (1, 2))
    choices = Choices({"a": [second, first]}, {"b": second}, second.resources)
    assert choices.pick([9.0] * 4, [1] * 4) == {"a": first, "b": second}
    assert choices.pick([0.0] * 4, [1] * 4) is None


def test_networks_without_bypass_have_no_adder():
    network = fire_network()
    found = attempt(problem(network=network), 2000, CLOCK)
    assert found is not None
    others = {name for name, plan in found.nodes.items() if isinstance(plan, LanesPlan)}
    assert others == {"fire2/concat", "sums"}
    assert set(found.queues) == {"fire2/concat[0]", "fire2/concat[1]"}


@pytest.mark.parametrize("beside", [False, True])
def test_an_engine_waits_between_frames_unless_another_path_computes(beside: bool):
    net = NetworkBuilder((24, 24, 3), 1)
    x = net.conv("first", INPUT, 16, 1)
    way = net.conv("a", net.conv("squeeze", x, 16, 1), 16, 3, pad=1, scale=1 / 100)
    bypass = net.conv("b", x, 16, 1, scale=1 / 100) if beside else x
    whole = problem(network=net.finish("bypass", net.add("add", way, bypass)))
    cycles = whole.slowest // 3
    least = min_lanes(whole.graph, cycles)
    assert least is not None
    found = node_options(whole, cycles, least)
    assert found is not None
    waits = [whole.graph["a"].waits(option.plan) > 0 for option in found["a"]]
    assert any(waits) is not beside

"""The planner: what it promises holds."""

from functools import cache
from math import ceil, gcd, inf, nan

import pytest

from boards.board import Board
from gen.common.errors import FirebrickError
from gen.compile import Capacity
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import Concat, Conv
from gen.nodes.graph import Graph
from gen.plan.limits import limits
from gen.plan.link import shell_cycles
from gen.plan.plan import Plan
from gen.plan.planner import SLOWEST, Goal, plan
from hw.layers.folding import EnginePlan
from tests.gen.devices import ARTY, KINTEX, SMALL, board, refusal
from tests.gen.squeezenets import cifar, squeezenet1_1


@cache
def fastest(target: Board) -> Plan:
    """The small network's plan for a whole board."""
    return plan(cifar(), target)


def check(network: QuantizedNetwork, target: Board, found: Plan, utilisation: float = 0.8) -> None:
    """Everything that a plan promises."""
    graph = Graph.of(network)
    told = list(limits(graph, found.nodes))
    own = max(cycles for _, _, cycles in told)
    assert max(own, shell_cycles(network, target)) == found.cycles
    assert {name for name, _, _ in told} == {op.name for op in network.ops}
    used, held = found.resources, target.resources
    assert used.dsp <= held.dsp
    assert used.bram36 <= held.bram36
    assert used.lut <= held.lut * utilisation
    assert used.ff <= held.ff * utilisation
    assert set(found.costs) == {op.name for op in network.ops} | {"board"}
    assert set(found.nodes) == {op.name for op in network.ops}
    for op in network.convs:
        check_engine(network, op, found)
    for node in graph:
        if isinstance(node.op, Concat):
            parts = (x.shape[2] for x in node.inputs)
            assert gcd(*parts) % found.nodes[node.name].lanes == 0
        for edge in graph.taps(node.name):
            engine = found.nodes[node.name]
            assert isinstance(engine, EnginePlan)
            assert network.tensors[edge.tensor].shape[2] % engine.simd == 0
        assert node.output.shape[2] % found.nodes[node.name].lanes == 0


def check_engine(network: QuantizedNetwork, op: Conv, found: Plan) -> None:
    engine, (rows, columns, cout) = found.nodes[op.name], network.tensors[op.name].shape
    assert isinstance(engine, EnginePlan)
    cin = network.tensors[op.inputs[0]].shape[2]
    assert 1 <= engine.simd <= cin
    assert engine.pe <= cout
    assert engine.pe % engine.lanes == 0
    assert cout % engine.lanes == 0
    words = op.weights.shape[1] * op.weights.shape[2] * ceil(cin / engine.simd)
    folds = ceil(cout / engine.pe)
    assert rows * columns * folds * words <= found.costs[op.name].cycles <= found.cycles
    assert engine.pe // engine.lanes <= words
    in_dsps = ceil(engine.pe / 2) * engine.simd if engine.multiplier == "dsp48e1" else 0
    assert found.costs[op.name].resources.dsp >= in_dsps + engine.lanes
    if engine.weight_memory == "block":
        depth = folds * words
        rom = depth * engine.pe * engine.simd * op.weight_bits / (36 * 1024)
        assert found.costs[op.name].resources.bram36 >= rom


def test_whole_squeezenet_on_a_kintex():
    network = squeezenet1_1()
    found = plan(network, KINTEX)
    check(network, KINTEX, found)
    assert found.cycles == shell_cycles(network, KINTEX) > 224 * 224 * 3  # as its packets come
    assert Plan.from_json(found.to_json()) == found


@pytest.mark.parametrize("target", [SMALL, ARTY, KINTEX], ids=lambda b: b.name)
def test_small_network_on_every_board(target: Board):
    check(cifar(), target, fastest(target))
    assert fastest(target).cycles >= fastest(KINTEX).cycles


@pytest.mark.parametrize("share", [0.4, 0.6])
def test_less_of_a_board_is_slower(share: float):
    held = ARTY.resources
    parts = (int(value * share) for value in (held.lut, held.ff, held.dsp, held.bram36))
    part, network = board("part", *parts), cifar()
    found = plan(network, part)
    check(network, part, found)
    assert found.cycles >= fastest(ARTY).cycles


def test_equal_inputs_make_equal_plans():
    assert plan(cifar(), SMALL) == fastest(SMALL)


def test_a_whole_imagenet_network_on_an_arty():
    network = squeezenet1_1(4)
    found = plan(network, ARTY, utilisation=0.85)
    check(network, ARTY, found, 0.85)
    assert found.cycles <= 440_000
    busy = Graph.of(network).multipliers(found.nodes)
    assert network.macs / (found.cycles * busy) > 0.85


def test_four_bits_on_an_arty_with_the_usual_utilisation():
    network = squeezenet1_1(4)
    check(network, ARTY, plan(network, ARTY))


def test_frames_a_second_that_will_do():
    network, whole = cifar(), fastest(ARTY)
    found = plan(network, ARTY, fps=whole.frames_per_second / 4)
    check(network, ARTY, found)
    assert whole.cycles < found.cycles <= 4 * whole.cycles
    assert found.resources.dsp < whole.resources.dsp
    assert found.resources.lut < whole.resources.lut


def test_the_fewest_frames_a_second_that_may_be_asked_for():
    assert Goal(SMALL, fps=SLOWEST).holds(cifar())
    found = plan(cifar(), SMALL, fps=SLOWEST)
    check(cifar(), SMALL, found)
    assert found.cycles == plan(cifar(), SMALL, fps=2 * SLOWEST).cycles


def test_too_many_frames_a_second():
    assert Goal(SMALL).holds(cifar())
    assert not Goal(SMALL, fps=1e6).holds(cifar())
    message = refusal(cifar(), SMALL, fps=1e6)
    assert "frames a second, not 1e+06" in message
    assert "lower --fps" in message


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fps": 0}, "--fps takes a number from 0.001 up"),
        ({"fps": -1.0}, "--fps takes a number from 0.001 up"),
        ({"fps": 1e-310}, "1e-310 frames a second; --fps takes a number from 0.001 up"),
        ({"fps": inf}, "--fps takes a number from 0.001 up"),
        ({"fps": nan}, "--fps takes a number from 0.001 up"),
        ({"utilisation": 0}, "takes more than 0, at most 1"),
    ],
)
def test_wishes_that_make_no_sense(wrong: dict, message: str):
    assert message in refusal(cifar(), SMALL, **wrong)
    with pytest.raises(FirebrickError, match=message):
        Goal(SMALL, **wrong)


def test_a_goal_is_a_capacity_for_the_choice_of_widths():
    board: Capacity = Goal(SMALL)
    assert board.memory_bits == 50 * 36 * 1024
    assert board.holds(cifar())
    assert not board.holds(squeezenet1_1(4))


def test_headroom_tells_what_more_would_bring():
    found = fastest(SMALL)
    gains = Goal(SMALL).headroom(cifar(), found)
    assert set(gains) == {"dsp", "lut", "bram36", "all"}
    assert all(cycles <= found.cycles for cycles in gains.values())
    assert gains["all"] < found.cycles
    assert gains["all"] <= min(gains.values())


def test_clock():
    assert fastest(SMALL).clock_hz == SMALL.clock_hz
    found = plan(cifar(), SMALL, 50_000_000)
    assert found.clock_hz == 50_000_000
    assert found.frames_per_second == 50_000_000 / found.cycles

"""The problem that tests of the planner look at: a tiny network on a board with room."""

from boards.board import Board
from gen.cost.model import CostModel
from gen.ir.network import QuantizedNetwork
from gen.nodes.conv import ConvNode
from gen.nodes.conv_shape import ConvShape
from gen.plan.problem import Problem
from tests.gen.devices import board
from tests.networks import tiny_network

COSTS = CostModel.fitted()

CLOCK = 100_000_000
TINY = tiny_network(1)
AMPLE = board("ample", 100_000, 100_000, 400, 100)


def problem(
    target: Board = AMPLE, network: QuantizedNetwork = TINY, utilisation: float = 1.0
) -> Problem:
    return Problem.of(network, target, utilisation)


def shape(whole: Problem, name: str) -> ConvShape:
    node = whole.graph[name]
    assert isinstance(node, ConvNode)
    return node.shape

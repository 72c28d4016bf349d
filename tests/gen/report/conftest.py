"""The tiny network planned for a board, for all tests of its figures."""

from dataclasses import replace

import pytest

from boards import BOARDS
from gen.plan.planner import Goal
from gen.report.figures import Figures
from tests.networks import tiny_network


@pytest.fixture(scope="session")
def figures():
    network, goal = tiny_network(1, weight_bits=4), Goal(BOARDS["arty_a7"], fps=1000.0)
    made = goal.plan(network)
    return Figures(network, replace(made, headroom={"lut": made.cycles // 2}), goal.board)

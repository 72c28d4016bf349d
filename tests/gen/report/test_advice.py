from dataclasses import replace

import pytest

from gen.link_options import Address, on_lan
from gen.plan.linked import LinkedGoal
from gen.plan.planner import Goal
from gen.report.advice import advice, better_link
from gen.report.figures import Figures


@pytest.fixture
def on(figures):
    """A plan of 1000 frames a second, with any link."""
    plan = replace(figures.plan, cycles=100_000)
    return lambda board: Figures(figures.network, plan, board)


def test_a_link_that_carries_half_is_good_enough(on, figures):
    fast = on(on_lan(figures.board, Address()))
    assert fast.link.frames_per_second > fast.plan.frames_per_second
    assert better_link(fast) == ""
    assert list(advice(fast, LinkedGoal(Goal(fast.board)))) == []


def test_a_slow_link_is_told_with_the_first_that_carries_all(on, figures):
    slow = on(replace(figures.board, baud=115_200))
    told = better_link(slow)
    assert told.startswith("The link carries 3% of what the accelerator computes; UART, 6 Mbaud")
    assert told.endswith("would carry 1600.0 frames/s.")
    assert told in list(advice(slow, LinkedGoal(Goal(slow.board), coded=False)))


def test_without_a_link_that_carries_all_it_is_the_fastest(on, figures):
    board = replace(figures.board, phy=None, baud=115_200)
    board = replace(board, bridge=replace(board.bridge, most_baud=230_400, rates=(115_200,)))
    told = better_link(on(board))
    assert "UART, 0.2304 Mbaud (--baud 230400 --frames coded) with --coding 1,2 would" in told
    lone = replace(board, bridge=replace(board.bridge, most_baud=115_200), coded=True)
    assert "UART, 0.1152 Mbaud (--frames coded) with --coding 1,2 would" in better_link(on(lone))


def test_what_the_link_made_of_a_goal_is_told(on, figures):
    slow = on(replace(figures.board, baud=115_200))
    first, second, _ = advice(slow, LinkedGoal(Goal(slow.board, fps=2000.0)))
    assert "not for 2000 frames/s; --past-link plans for them all the same" in first
    assert "no room for the decoder" in second

from dataclasses import replace

import pytest

from boards import BOARDS
from gen.common.errors import FirebrickError
from gen.link_options import Address, on_lan
from gen.plan.linked import LinkedGoal
from gen.plan.planner import Goal
from gen.plan.rates import Rates
from tests.networks import tiny_network

ARTY = BOARDS["arty_a7"]
LAN = on_lan(ARTY, Address())
NETWORK = tiny_network(1)
RATES = Rates.of(NETWORK, ARTY, ARTY.clock_hz)


def planned(board, fps=None, **options):
    """Whether coded frames are taken, and the plan."""
    goal, made = LinkedGoal(Goal(board, fps=fps), **options).plan(NETWORK)
    return goal.board.coded, made


def test_frames_are_coded_where_raw_ones_would_be_too_slow():
    assert planned(ARTY)[0]
    assert not planned(ARTY, coded=False)[0]
    assert not planned(ARTY, fps=RATES.raw / 2)[0]
    assert not planned(LAN, fps=100.0)[0]
    assert planned(LAN, fps=100.0, coded=True)[0]


def test_frames_are_raw_where_there_is_no_room_for_the_decoder(monkeypatch):
    plan = Goal.plan

    def refuse(goal, *others):
        if goal.board.coded:
            raise FirebrickError("too large")
        return plan(goal, *others)

    monkeypatch.setattr(Goal, "plan", refuse)
    assert not planned(ARTY)[0]


def test_no_more_frames_are_planned_than_the_link_carries():
    coded, made = planned(ARTY, fps=1e5, coded=True)
    assert coded
    assert RATES.coarsest <= made.frames_per_second < 1e5
    goal = LinkedGoal(Goal(ARTY, fps=1e9))
    assert goal.holds(NETWORK)
    assert not replace(goal, past_link=True).holds(NETWORK)
    _, past = planned(ARTY, fps=2 * RATES.coarsest, past_link=True)
    assert past.frames_per_second >= 2 * RATES.coarsest


@pytest.mark.parametrize(("usual", "baud"), [(True, 2_000_000), (False, 6_000_000)])
def test_the_usual_rate_goes_by_the_clock(usual, baud):
    slower = LinkedGoal(Goal(ARTY), usual_baud=usual).at(20_000_000)
    assert slower.goal.clock == 20_000_000
    assert slower.goal.board.baud == baud

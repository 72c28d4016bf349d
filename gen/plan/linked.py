"""A goal that goes by its board's link: are coded frames needed, and how many does it carry?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from boards.board import Board
from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from gen.plan.plan import Plan
from gen.plan.planner import Goal
from gen.plan.rates import Rates


@dataclass(frozen=True)
class LinkedGoal:
    """What is to be planned, as far as it depends on the link.

    Attributes
    ----------
    goal : Goal
    coded : bool or None
        Whether the board takes coded frames, too. If None, it does where the raw link would be
        slower than the accelerator and there is room for the decoder.
    usual_baud : bool
        Whether the UART is as fast as is usual with the clock, whatever the board says.
    past_link : bool
        Whether an accelerator that was asked for so many frames a second may be faster than its
        link.
    """

    goal: Goal
    coded: bool | None = None
    usual_baud: bool = False
    past_link: bool = False

    @property
    def memory_bits(self) -> int:
        """Bits of the board's block RAMs."""
        return self.goal.memory_bits

    def holds(self, network: QuantizedNetwork) -> bool:
        """Whether :meth:`plan` finds a design for ``network``; much faster."""
        return self._goal(network, coded=bool(self.coded)).holds(network)

    def at(self, clock_hz: int) -> LinkedGoal:
        """The same with another clock."""
        board = self.goal.board
        if self.usual_baud:
            board = replace(board, baud=board.bridge.usual(clock_hz))
        return replace(self, goal=replace(self.goal, board=board, clock_hz=clock_hz))

    def plan(self, network: QuantizedNetwork, boards: Sequence[Board] = ()) -> tuple[Goal, Plan]:
        """Plan an accelerator, and say for which goal: its board takes coded frames or does not.

        Parameters
        ----------
        network : QuantizedNetwork
        boards : sequence of Board
            Others to suggest if it does not fit.

        Raises
        ------
        FirebrickError
            As :meth:`gen.plan.planner.Goal.plan` does.
        """
        coded = self._coded(network) if self.coded is None else None
        if coded is not None:
            return coded
        goal = self._goal(network, coded=bool(self.coded))
        return goal, goal.plan(network, boards)

    def _coded(self, network: QuantizedNetwork) -> tuple[Goal, Plan] | None:
        """The plan with a decoder, if there is one and it needs coded frames to be fed."""
        goal = self._goal(network, coded=True)
        try:
            made = goal.plan(network)
        except FirebrickError:
            return None
        rates = Rates.of(network, goal.board, made.clock_hz)
        return (goal, made) if rates.needs_coding(made.frames_per_second, goal.fps) else None

    def _goal(self, network: QuantizedNetwork, *, coded: bool) -> Goal:
        """The goal for a board that takes coded frames or does not, no faster than its link."""
        goal = replace(self.goal, board=replace(self.goal.board, coded=coded))
        if goal.fps is None or self.past_link:
            return goal
        rates = Rates.of(network, goal.board, goal.clock)
        return replace(goal, fps=min(goal.fps, rates.coarsest if coded else rates.raw))

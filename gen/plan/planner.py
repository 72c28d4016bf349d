"""The planner: the fastest design that fits a board, or the smallest that is fast enough.

The target of cycles a frame is bisected down to the smallest for which there is a design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt

from boards.board import Board
from gen.common.errors import FirebrickError
from gen.cost.memories import RESOURCES
from gen.cost.model import CostModel
from gen.ir.envelope import without_envelope
from gen.ir.network import QuantizedNetwork
from gen.plan.infeasible import feasible, why_infeasible
from gen.plan.plan import LayerCost, Plan
from gen.plan.problem import Problem, attempt, finish

UTILISATION = 0.8
"""Part of a device's LUTs and flip-flops that is planned with unless asked otherwise."""
SLOWEST = 0.001
"""Fewest frames a second that may be asked for."""
STEP = 0.1
"""How much more of a resource :meth:`Goal.headroom` asks about."""
RUNGS = (0.99, 0.97, 0.95, 0.92, 0.89, 0.85, 0.8)
"""Shares of a plan's cycles that :meth:`Goal.headroom` tries."""
CLOSE_ENOUGH = 1.003
"""The bisection ends when the best design and a target that does not fit are this close."""


@dataclass(frozen=True)
class Goal:
    """What a design is to do: fit a board, run at a clock, be as fast as asked.

    Attributes
    ----------
    board : Board
    clock_hz : int, optional
        The board's own unless given.
    fps : float, optional
        Frames a second that will do; the smallest design is planned that reaches them. The fastest
        one unless given.
    utilisation : float
        Part of the LUTs and flip-flops that may be planned with; placement needs the rest.

    Raises
    ------
    FirebrickError
        If that makes no sense.
    """

    board: Board
    clock_hz: int | None = None
    fps: float | None = None
    utilisation: float = UTILISATION

    def __post_init__(self) -> None:
        check_constraints(self.fps, self.utilisation)

    @property
    def memory_bits(self) -> int:
        """Bits of the board's block RAMs."""
        return self.board.memory_bits

    def plan(self, network: QuantizedNetwork, boards: Sequence[Board] = ()) -> Plan:
        """Plan the fastest accelerator for ``network`` that fits, or the smallest that will do.

        Parameters
        ----------
        network : QuantizedNetwork
        boards : sequence of Board
            Others to suggest if it does not fit.

        Raises
        ------
        FirebrickError
            If it does not fit: which resource is short, by how much, and what would fit.
        """
        problem, clock = self._problem(network), self.clock
        best = attempt(problem, problem.slowest, clock)
        if best is None:
            raise FirebrickError(why_infeasible(problem, boards, clock, self.fps))
        if self.fps is not None:
            return _smallest(problem, self.fps, clock, best)
        fastest = _fastest(problem, clock, best)
        return attempt(problem, fastest.cycles, clock, even=True) or fastest

    def holds(self, network: QuantizedNetwork) -> bool:
        """Whether :meth:`plan` finds a design for ``network``; much faster."""
        return feasible(self._problem(network), self.clock, self.fps)

    def headroom(self, network: QuantizedNetwork, made: Plan) -> dict[str, int]:
        """What a tenth more of each resource would bring.

        Returns
        -------
        dict
            By resource, the cycles a frame of the fastest plan with so much more of it, looked for
            in a few steps; those of ``made`` where it brings nothing. ``"all"`` is for all at once.
        """
        gains: dict[str, int] = {}
        held = self.board.resources
        for names in (*((name,) for name in RESOURCES[:3]), RESOURCES):
            more = {name: getattr(held, name) * (1 + STEP) for name in names}
            grown = replace(self.board, resources=replace(held, **more))
            problem = Problem.of(network, grown, self.utilisation)
            tried = (attempt(problem, int(made.cycles * rung), made.clock_hz) for rung in RUNGS)
            fastest = min((found.cycles for found in tried if found), default=made.cycles)
            gains[names[0] if len(names) == 1 else "all"] = fastest
        return gains | {"all": min(gains.values())}

    def fixed(self, network: QuantizedNetwork) -> LayerCost:
        """What :meth:`plan` makes of a network if its contents cannot be replaced.

        Returns
        -------
        LayerCost
            Cycles a frame and resources of all of it.

        Raises
        ------
        FirebrickError
            If there is no plan; where there is one with contents to be replaced, there is one.
        """
        made = self.plan(without_envelope(network))
        return LayerCost(made.cycles, made.resources)

    @property
    def clock(self) -> int:
        """The board's own unless another one was given, in Hz."""
        return self.board.clock_hz if self.clock_hz is None else self.clock_hz

    def _problem(self, network: QuantizedNetwork) -> Problem:
        return Problem.of(network, self.board, self.utilisation)


def plan(
    network: QuantizedNetwork,
    board: Board,
    clock_hz: int | None = None,
    *,
    fps: float | None = None,
    utilisation: float = UTILISATION,
    boards: Sequence[Board] = (),
) -> Plan:
    """What :meth:`Goal.plan` makes of a :class:`Goal` of these.

    Parameters
    ----------
    network : QuantizedNetwork
    board : Board
    clock_hz : int, optional
        The board's own unless given.
    fps : float, optional
        Frames a second that will do; as many as fit unless given.
    utilisation : float
        Part of the LUTs and flip-flops that may be planned with.
    boards : sequence of Board
        Others to suggest if it does not fit.
    """
    return Goal(board, clock_hz, fps, utilisation).plan(network, boards)


def check_constraints(fps: float | None, utilisation: float) -> None:
    """Check that there can be so many frames a second, or any, from such a part of a device.

    Raises
    ------
    FirebrickError
        With the reason.
    """
    if not 0 < utilisation <= 1:
        raise FirebrickError(f"a utilisation of {utilisation:g}; it takes more than 0, at most 1")
    if fps is not None and not SLOWEST <= fps < inf:
        raise FirebrickError(f"{fps:g} frames a second; --fps takes a number from {SLOWEST:g} up")


def estimate(network: QuantizedNetwork, board: Board, made: Plan, costs: CostModel) -> Plan:
    """The same plan with its costs estimated anew, by another model perhaps.

    Parameters
    ----------
    network : QuantizedNetwork
    board : Board
    made : Plan
        For that network and board.
    costs : CostModel
        What estimates.
    """
    problem = replace(Problem.of(network, board, UTILISATION), costs=costs)
    return finish(problem, made.nodes, made.clock_hz)


def _smallest(problem: Problem, fps: float, clock_hz: int, slowest: Plan) -> Plan:
    """The smallest plan that makes ``fps`` frames a second, using each resource as evenly."""
    cycles = int(clock_hz / fps)
    found = attempt(problem, cycles, clock_hz, even=True)
    if found is None:
        most = _fastest(problem, clock_hz, slowest).frames_per_second
        raise FirebrickError(
            f"{problem.network.name} on {problem.board.name} at {clock_hz / 1e6:g} MHz makes at "
            f"most {most:.1f} frames a second, not {fps:g}; lower --fps, or raise --clock or "
            "--utilisation"
        )
    return found


def _fastest(problem: Problem, clock_hz: int, best: Plan) -> Plan:
    """The fastest plan, by bisection from one that fits.

    Whether a target fits is nearly monotonic, but not quite: memories have natural depths. So a
    few targets below the result are tried too.
    """
    fails = max(1, problem.network.macs // _most_multipliers(problem.board) - 1)
    while best.cycles > fails * CLOSE_ENOUGH:
        target = min(int(sqrt(best.cycles * fails)), best.cycles - 1)
        found = attempt(problem, target, clock_hz)
        if found is None:
            fails = max(target, fails + 1)
        else:
            best = found
    for rung in RUNGS:
        target = max(int(best.cycles * rung), problem.shell_cycles)
        if target < best.cycles:
            best = attempt(problem, target, clock_hz) or best
    return best


def _most_multipliers(board: Board) -> int:
    """More than any design has: two in every DSP block, and the rest of LUTs."""
    return 2 * board.resources.dsp + board.resources.lut // 16

"""Why no design fits a board, and what would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from boards.board import Board
from gen.common.errors import FirebrickError
from gen.cost.memories import RESOURCES, resource_row
from gen.ir.ops import INPUT
from gen.ir.widths import Width, width_for_all
from gen.nodes.option import Option
from gen.plan.link import check_clock
from gen.plan.problem import Choices, Problem, attempt

SUGGESTED = 6
"""Most boards that are named."""


def feasible(problem: Problem, clock_hz: int, fps: float | None) -> bool:
    """Whether there is a plan.

    Parameters
    ----------
    problem : Problem
    clock_hz : int
    fps : float or None
        Frames a second that are wanted; any will do if None.
    """
    cycles = problem.slowest if fps is None else int(clock_hz / fps)
    return attempt(problem, cycles, clock_hz, even=fps is not None) is not None


def why_infeasible(
    problem: Problem, boards: Sequence[Board], clock_hz: int, fps: float | None = None
) -> str:
    """Why nothing fits, and what would.

    Parameters
    ----------
    problem : Problem
        Without a plan, however slow.
    boards : sequence of Board
        Others to suggest, if they do with the same link, frames a second and clock, but that a
        board's own clock stands for another's own.
    clock_hz : int
    fps : float, optional
        Frames a second that are wanted.
    """
    choices = Choices.of(problem, problem.slowest)
    if choices is None:
        raise AssertionError(f"no folding for {problem.slowest} cycles, the slowest there are")
    fixed = resource_row(choices.fixed)
    limits = [inf] * len(RESOURCES)
    for index, resource in enumerate(RESOURCES):
        weights = [0.0] * len(RESOURCES)
        weights[index] = 1.0
        picked = choices.pick(limits, weights)
        if picked is None:
            raise AssertionError("the integer program has no solution within what it just found")
        needed = fixed[index] + sum(picked[name].row[index] for name in choices.open)
        available = problem.budget[index]
        if needed > available:
            story = _story(problem, resource, needed, available, picked)
            break
        limits[index] = available - fixed[index]
    else:
        story = "its LUTs, DSP blocks and block RAMs each suffice, but not all of them together"
    subject = f"{problem.network.name} does not fit {problem.board.name}"
    return f"{subject}: {story}; {_advice(problem, boards, clock_hz, fps)}"


def _story(
    problem: Problem, resource: str, needed: float, available: float, picked: dict[str, Option]
) -> str:
    name = problem.board.name
    if resource != "bram36":
        noun = {"dsp": "DSP blocks", "lut": "LUTs", "ff": "flip-flops"}[resource]
        whole = resource == "dsp" or problem.utilisation == 1
        part = "" if whole else f" ({problem.utilisation:.0%} of the device)"
        return f"it needs at least {needed:.0f} {noun}, {name} has {available:.0f}{part}"
    weights = sum(
        problem.graph[node].weight_cost(option.plan, problem.costs).bram36
        for node, option in picked.items()
    )
    return (
        f"its weights need {weights:g} RAMB36 plus {needed - weights:g} for buffers even with all "
        f"spare LUTs used as memory, {name} has {available:g}"
    )


def _advice(problem: Problem, boards: Sequence[Board], clock_hz: int, fps: float | None) -> str:
    """The largest weight width that would fit here, and the boards that would hold it as it is."""
    hints = []
    widest = max(node.code_bits for node in problem.graph)
    for bits in range(widest - 1, 1, -1):
        if feasible(_with_width(problem, Width(bits)), clock_hz, fps):
            hints.append(
                f"weights of {bits} bits would fit here (--weight-bits {bits} on a float model)"
            )
            break
    else:
        pace = "" if fps is None else f" with {fps:g} frames a second"
        hints.append(f"no one width for all weights would fit here{pace}")
    own = problem.board.clock_hz
    holds = []
    for board in boards:
        clock = board.clock_hz if clock_hz == own else clock_hz
        other = _linked_alike(board, problem.board, clock)
        if other is not None and feasible(replace(problem, board=other), clock, fps):
            holds.append(other.name)
        if len(holds) == SUGGESTED:
            break
    if holds:
        hints.append(f"as it is it would fit {' or '.join(holds)}")
    return ", ".join(hints)


def _with_width(problem: Problem, asked: Width) -> Problem:
    """The same network with weights as if all were asked to have so many bits."""
    nodes = {
        node.name: node.with_width(width_for_all(asked, INPUT in node.op.inputs))
        for node in problem.graph
    }
    return replace(problem, graph=problem.graph.replaced(nodes))


def _linked_alike(other: Board, board: Board, clock_hz: int) -> Board | None:
    """Another board with the link of ``board``; None if it has none, or not at that clock."""
    if other.name == board.name:
        return None
    if board.beat_bits is not None:
        return other
    if board.station is not None:
        linked = replace(other, station=board.station) if other.phy is not None else None
    else:
        usual = board.baud == board.bridge.usual(clock_hz)
        baud = other.bridge.usual(clock_hz) if usual else board.baud
        linked = replace(other, baud=baud) if baud <= other.bridge.most_baud else None
    try:
        if linked is not None:
            check_clock(linked, clock_hz)
    except FirebrickError:
        return None
    return linked

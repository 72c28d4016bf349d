"""Why no design fits a board, and what would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from boards.board import Board
from gen.cost import weight_cost
from gen.limits import granules
from gen.options import RESOURCES, Option, choose, resource_row
from gen.problem import Problem, attempt, engine_options, fixed_costs
from gen.shape import ConvShape


def shortage(problem: Problem, boards: Sequence[Board]) -> str:
    """Why nothing fits, and what would."""
    least = granules(problem.network, problem.slowest)
    choices = engine_options(problem, problem.slowest, least) if least else None
    if least is None or choices is None:
        raise AssertionError(f"no folding for {problem.slowest} cycles, the slowest there are")
    fixed = resource_row(fixed_costs(problem, least))
    room = [inf] * len(RESOURCES)
    for index, resource in enumerate(RESOURCES):
        weights = [0.0] * len(RESOURCES)
        weights[index] = 1.0
        picked = choose(choices, room, weights)
        if picked is None:
            raise AssertionError("the integer program has no solution within what it just found")
        needed = fixed[index] + sum(option.row[index] for option in picked.values())
        available = problem.budget[index]
        if needed > available:
            story = _story(problem, resource, needed, available, picked)
            break
        room[index] = available - fixed[index]
    else:
        story = "its LUTs, DSP blocks and block RAMs each suffice, but not all of them together"
    subject = f"{problem.network.name} does not fit {problem.board.name}"
    return f"{subject}: {story}; {_advice(problem, boards)}"


def _story(
    problem: Problem, resource: str, needed: float, available: float, picked: dict[str, Option]
) -> str:
    name = problem.board.name
    if resource != "bram36":
        noun = {"dsp": "DSP blocks", "lut": "LUTs", "ff": "flip-flops"}[resource]
        part = "" if resource == "dsp" else f" ({problem.utilisation:.0%} of the device)"
        return f"it needs at least {needed:.0f} {noun}, {name} has {available:.0f}{part}"
    weights = 0.0
    for op, option in picked.items():
        engine = option.plan
        cost = weight_cost(problem.shapes[op], engine.pe, engine.simd, engine.weight_memory)
        weights += cost.bram36
    return (
        f"its weights need {weights:g} RAMB36 plus {needed - weights:g} for buffers even with all "
        f"spare LUTs used as memory, {name} has {available:g}"
    )


def _advice(problem: Problem, boards: Sequence[Board]) -> str:
    """The largest weight width that would fit here, and the boards that would hold it as it is."""
    hints = []
    widest = max(shape.code_bits for shape in problem.shapes.values())
    for bits in range(widest - 1, 1, -1):
        shapes = {name: _narrowed(shape, bits) for name, shape in problem.shapes.items()}
        if _fits(replace(problem, shapes=shapes)):
            hints.append(
                f"weights of {bits} bits would fit here (--weight-bits {bits} on a float model)"
            )
            break
    else:
        hints.append("no weight width would fit here")
    others = [other for other in boards if other.name != problem.board.name]
    holds = [other.name for other in others if _fits(replace(problem, board=other))]
    if holds:
        hints.append(f"as it is it would fit {' or '.join(holds)}")
    return ", ".join(hints)


def _narrowed(shape: ConvShape, bits: int) -> ConvShape:
    """The same convolution with weights rescaled to at most ``bits`` bits."""
    less = max(shape.weight_bits - bits, 0)
    return replace(
        shape,
        weight_bits=shape.weight_bits - less,
        code_bits=min(shape.code_bits, bits),
        accumulator_bits=shape.accumulator_bits - less,
    )


def _fits(problem: Problem) -> bool:
    return attempt(problem, problem.slowest, problem.board.clock_hz) is not None

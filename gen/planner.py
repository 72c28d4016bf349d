"""The planner: the fastest design that fits a board.

For a target of cycles a frame every convolution has a handful of foldings; an integer program
picks one for each under the board's budget. The target is bisected down to the smallest that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt

from boards.board import Board, Resources
from gen.cost import (
    BOARD,
    ConvShape,
    add_cost,
    concat_cost,
    converter_cost,
    engine_cost,
    global_sum_cost,
    pool_cost,
    total,
    weight_cost,
)
from gen.errors import FirebrickError
from gen.limits import granules, stream_limits
from gen.network import INPUT, Conv, GlobalSum, MaxPool, QuantizedNetwork
from gen.options import RESOURCES, Option, Surroundings, choose, options, resource_row
from gen.plan import EnginePlan, LayerCost, Plan
from gen.stages import FireStage, stages

CLOSE_ENOUGH = 1.003
"""The bisection ends when the best design and a target that does not fit are this close."""


@dataclass(frozen=True, eq=False)
class _Problem:
    network: QuantizedNetwork
    board: Board
    shapes: dict[str, ConvShape]
    utilisation: float

    @property
    def budget(self) -> tuple[float, ...]:
        """What may be used of each of RESOURCES."""
        held, share = self.board.resources, self.utilisation
        usable = replace(held, lut=int(held.lut * share), ff=int(held.ff * share))
        return resource_row(usable)

    @property
    def slowest(self) -> int:
        """Cycles a frame at which every convolution may do with one multiplier."""
        tensors = self.network.tensors.values()
        return max(
            *(s.height * s.width * s.cin for s in self.shapes.values()),
            *(s.compute_cycles(1, 1, 1) for s in self.shapes.values()),
            *(t.shape[0] * t.shape[1] * t.shape[2] for t in tensors),
        )


def plan(
    network: QuantizedNetwork,
    board: Board,
    clock_hz: int | None = None,
    *,
    utilisation: float = 0.8,
    boards: Sequence[Board] = (),
) -> Plan:
    """Plan the fastest accelerator for ``network`` that fits ``board``.

    Parameters
    ----------
    network : QuantizedNetwork
    board : Board
    clock_hz : int, optional
        The board's own unless given.
    utilisation : float
        Part of the LUTs and flip-flops that may be planned with; placement needs the rest.
    boards : sequence of Board
        Others to suggest if it does not fit.

    Raises
    ------
    FirebrickError
        If it does not fit: which resource is short, by how much, and what would fit.
    """
    shapes = {op.name: ConvShape.of(network, op) for op in network.convs}
    problem = _Problem(network, board, shapes, utilisation)
    clock = board.clock_hz if clock_hz is None else clock_hz
    best = _attempt(problem, problem.slowest, clock)
    if best is None:
        raise FirebrickError(_shortage(problem, boards))
    fails = max(1, network.macs // max(1, board.resources.dsp) - 1)
    while best.cycles > fails * CLOSE_ENOUGH:
        target = min(int(sqrt(best.cycles * fails)), best.cycles - 1)
        found = _attempt(problem, target, clock)
        if found is None:
            fails = max(target, fails + 1)
        else:
            best = found
    return best


def _attempt(problem: _Problem, cycles: int, clock_hz: int) -> Plan | None:
    """A plan of at most ``cycles`` a frame, or None if none fits."""
    least = granules(problem.network, cycles)
    choices = _choices(problem, cycles, least) if least else None
    if least is None or choices is None:
        return None
    fixed = _fixed_costs(problem, least)
    room = [b - f for b, f in zip(problem.budget, resource_row(fixed), strict=True)]
    picked = choose(choices, room, [1 / max(b, 1) for b in problem.budget])
    if picked is None:
        return None
    engines = {name: option.plan for name, option in picked.items()}
    lanes = {op.name: least[op.name] for op in problem.network.ops if not isinstance(op, Conv)}
    built = _finish(problem, engines, lanes, clock_hz)
    if built.cycles > cycles:
        slow = [name for name, cost in built.costs.items() if cost.cycles > cycles]
        raise AssertionError(f"planned for {cycles} cycles a frame, but {slow} take longer")
    # Converters wider than the granules can cost a little more than the program was told.
    used = zip(resource_row(built.resources), problem.budget, strict=True)
    return built if all(part <= whole for part, whole in used) else None


def _choices(
    problem: _Problem, cycles: int, least: dict[str, int]
) -> dict[str, list[Option]] | None:
    """Options of every convolution for ``cycles`` a frame; None if one of them has none."""
    windows = _shared_windows(problem.network)
    choices = {}
    for op in problem.network.convs:
        around = Surroundings(least[op.inputs[0]], least[op.name], op.name in windows)
        choices[op.name] = options(problem.shapes[op.name], around, cycles)
    return choices if all(choices.values()) else None


def _shared_windows(network: QuantizedNetwork) -> set[str]:
    """The 3x3 branches, whose windows' centre taps feed the 1x1 branches."""
    return {stage.three.name for stage in stages(network) if isinstance(stage, FireStage)}


def _finish(
    problem: _Problem, engines: dict[str, EnginePlan], lanes: dict[str, int], clock_hz: int
) -> Plan:
    """The complete plan, with the cycles and cost of every op."""
    network = problem.network
    slowest = dict.fromkeys((op.name for op in network.ops), 0)
    for name, _, limit in stream_limits(network, problem.shapes, engines, lanes):
        slowest[name] = max(slowest[name], limit)
    made = {INPUT: 1, **lanes, **{name: engine.lanes for name, engine in engines.items()}}
    feeds = {op.name: made[op.inputs[0]] for op in network.convs}
    for stage in stages(network):
        if isinstance(stage, FireStage):
            feeds[stage.one.name] = engines[stage.three.name].simd
    own = _other_costs(problem, made)
    centres = _shared_windows(network)
    for name, engine in engines.items():
        centre = name in centres
        own[name] = engine_cost(problem.shapes[name], engine, feeds[name], centre=centre)
    costs = {op.name: LayerCost(slowest[op.name], own[op.name]) for op in network.ops}
    return Plan(
        network=network.name,
        board=problem.board.name,
        clock_hz=clock_hz,
        engines=engines,
        lanes=lanes,
        costs={"board": LayerCost(0, BOARD), **costs},
        cycles=max(slowest.values()),
    )


def _other_costs(problem: _Problem, made: dict[str, int]) -> dict[str, Resources]:
    """Resources of every op that is no convolution, its lane converters included.

    ``made`` gives the lanes of every tensor.
    """
    costs: dict[str, Resources] = {}
    for stage in stages(problem.network):
        if isinstance(stage, MaxPool):
            costs[stage.name] = _pool_cost(problem.network, stage, made)
        elif isinstance(stage, GlobalSum):
            costs[stage.name] = _sum_cost(problem.network, stage, made)
        elif isinstance(stage, FireStage):
            own = made[stage.concat.name]
            branches = (stage.one, stage.three)
            parts = [converter_cost(made[branch.name], own) for branch in branches]
            queues = concat_cost([branch.channels for branch in branches], own)
            costs[stage.concat.name] = total([queues, *parts])
            if stage.add is not None:
                costs[stage.add.name] = _bypass_cost(problem, stage, made)
    return costs


def _pool_cost(network: QuantizedNetwork, op: MaxPool, made: dict[str, int]) -> Resources:
    _, width, channels = network.tensors[op.name].shape
    feed, own = made[op.inputs[0]], made[op.name]
    return total([pool_cost(width, channels, own), converter_cost(feed, own)])


def _sum_cost(network: QuantizedNetwork, op: GlobalSum, made: dict[str, int]) -> Resources:
    x = network.tensors[op.inputs[0]]
    height, width, channels = x.shape
    bits = (height * width * max(x.high, -x.low)).bit_length() + 1
    feed, own = made[op.inputs[0]], made[op.name]
    converters = [converter_cost(feed, own), converter_cost(own, 1, bits)]
    return total([global_sum_cost(channels, own, bits), *converters])


def _bypass_cost(problem: _Problem, stage: FireStage, made: dict[str, int]) -> Resources:
    around, own = made[stage.squeeze.inputs[0]], made[stage.name]
    squeeze, three = problem.shapes[stage.squeeze.name], problem.shapes[stage.three.name]
    converters = [converter_cost(around, own), converter_cost(made[stage.concat.name], own)]
    return total([add_cost(squeeze, three, around, own), *converters])


def _fixed_costs(problem: _Problem, made: dict[str, int]) -> Resources:
    """What the board and the ops without an engine take, whatever the engines."""
    return total([BOARD, *_other_costs(problem, made).values()])


def _fits(problem: _Problem) -> bool:
    return _attempt(problem, problem.slowest, problem.board.clock_hz) is not None


def _shortage(problem: _Problem, boards: Sequence[Board]) -> str:
    """Why nothing fits, and what would."""
    least = granules(problem.network, problem.slowest)
    choices = _choices(problem, problem.slowest, least) if least else None
    if least is None or choices is None:
        raise AssertionError(f"no folding for {problem.slowest} cycles, the slowest there are")
    fixed = resource_row(_fixed_costs(problem, least))
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
    problem: _Problem, resource: str, needed: float, available: float, picked: dict[str, Option]
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


def _advice(problem: _Problem, boards: Sequence[Board]) -> str:
    """The largest weight width that would fit here, and the boards that would hold it as it is."""
    hints = []
    widest = max(shape.weight_bits for shape in problem.shapes.values())
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
        accumulator_bits=shape.accumulator_bits - less,
        sum_bits=shape.sum_bits - less,
    )

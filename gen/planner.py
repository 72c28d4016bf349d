"""The planner: the fastest design that fits a board.

For a target of cycles a frame every convolution has a handful of foldings; an integer program
picks one for each under the board's budget. The target is bisected down to the smallest that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, sqrt
from typing import Any

from boards.board import Board, Resources
from gen.cost import (
    add_cost,
    concat_cost,
    converter_cost,
    engine_cost,
    global_sum_cost,
    on_family,
    pool_cost,
    total,
    weight_cost,
)
from gen.errors import FirebrickError
from gen.limits import granules, stream_limits
from gen.link import link_cost, shell_cycles
from gen.network import INPUT, Conv, GlobalSum, MaxPool, QuantizedNetwork
from gen.options import RESOURCES, Option, Surroundings, choose, options, resource_row
from gen.plan import EnginePlan, LayerCost, Plan
from gen.shape import ConvShape
from gen.stages import FireStage, stages

UTILISATION = 0.8
"""Part of a device's LUTs and flip-flops that is planned with unless asked otherwise."""
STEP = 0.1
"""How much more of a resource :func:`headroom` asks about."""
RUNGS = (0.99, 0.97, 0.95, 0.92, 0.89, 0.85, 0.8)
"""Shares of a plan's cycles that :func:`headroom` tries."""
TRIES = 8
"""How often the integer program is told of costs that it did not see."""
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

    @cached_property
    def shell_cycles(self) -> int:
        """Cycles in which the board's shell takes a frame; nothing is faster."""
        return shell_cycles(self.network, self.board)

    @property
    def slowest(self) -> int:
        """Cycles a frame at which every convolution may do with one multiplier."""
        tensors = self.network.tensors.values()
        return max(
            self.shell_cycles,
            *(s.height * s.width * s.cin for s in self.shapes.values()),
            *(s.compute_cycles(1, 1) for s in self.shapes.values()),
            *(t.shape[0] * t.shape[1] * t.shape[2] for t in tensors),
        )


def plan(
    network: QuantizedNetwork,
    board: Board,
    clock_hz: int | None = None,
    *,
    fps: float | None = None,
    utilisation: float = UTILISATION,
    boards: Sequence[Board] = (),
) -> Plan:
    """Plan the fastest accelerator for ``network`` that fits, or the smallest that will do.

    Parameters
    ----------
    network : QuantizedNetwork
    board : Board
    clock_hz : int, optional
        The board's own unless given.
    fps : float, optional
        Frames a second that will do; the smallest design is planned that reaches them.
    utilisation : float
        Part of the LUTs and flip-flops that may be planned with; placement needs the rest.
    boards : sequence of Board
        Others to suggest if it does not fit.

    Raises
    ------
    FirebrickError
        If it does not fit: which resource is short, by how much, and what would fit.
    """
    if not 0 < utilisation <= 1:
        raise FirebrickError(f"a utilisation of {utilisation:g}; it takes more than 0, at most 1")
    if fps is not None and not 0 < fps < inf:
        raise FirebrickError(f"{fps:g} frames a second; --fps takes a number above 0")
    shapes = {op.name: ConvShape.of(network, op) for op in network.convs}
    problem = _Problem(network, board, shapes, utilisation)
    clock = board.clock_hz if clock_hz is None else clock_hz
    best = _attempt(problem, problem.slowest, clock)
    if best is None:
        raise FirebrickError(_shortage(problem, boards))
    if fps is not None:
        return _smallest(problem, fps, clock, best)
    fastest = _fastest(problem, clock, best)
    return _attempt(problem, fastest.cycles, clock, even=True) or fastest


def fits(network: QuantizedNetwork, board: Board, **options: Any) -> bool:
    """Whether :func:`plan`, with the same options, finds one."""
    try:
        plan(network, board, **options)
    except FirebrickError:
        return False
    return True


def estimate(network: QuantizedNetwork, board: Board, made: Plan) -> Plan:
    """The same plan with its costs estimated anew."""
    shapes = {op.name: ConvShape.of(network, op) for op in network.convs}
    problem = _Problem(network, board, shapes, UTILISATION)
    return _finish(problem, made.engines, made.lanes, made.clock_hz)


def headroom(
    network: QuantizedNetwork, board: Board, made: Plan, utilisation: float = UTILISATION
) -> dict[str, int]:
    """What a tenth more of each resource would bring.

    Returns
    -------
    dict
        By resource, the cycles a frame of the fastest plan with so much more of it, looked for in
        a few steps; those of ``made`` where it brings nothing. ``"all"`` is for all at once.
    """
    shapes = {op.name: ConvShape.of(network, op) for op in network.convs}
    gains: dict[str, int] = {}
    for names in (*((name,) for name in RESOURCES[:3]), RESOURCES):
        more = {name: getattr(board.resources, name) * (1 + STEP) for name in names}
        grown = replace(board, resources=replace(board.resources, **more))
        problem = _Problem(network, grown, shapes, utilisation)
        tried = (_attempt(problem, int(made.cycles * rung), made.clock_hz) for rung in RUNGS)
        fastest = min((found.cycles for found in tried if found), default=made.cycles)
        gains[names[0] if len(names) == 1 else "all"] = fastest
    return gains | {"all": min(gains.values())}


def _smallest(problem: _Problem, fps: float, clock_hz: int, slowest: Plan) -> Plan:
    """The smallest plan that makes ``fps`` frames a second, using each resource as evenly."""
    cycles = int(clock_hz / fps)
    found = _attempt(problem, cycles, clock_hz, even=True)
    if found is None:
        most = _fastest(problem, clock_hz, slowest).frames_per_second
        raise FirebrickError(
            f"{problem.network.name} on {problem.board.name} at {clock_hz / 1e6:g} MHz makes at "
            f"most {most:.1f} frames a second, not {fps:g}; lower --fps, or raise --clock or "
            "--utilisation"
        )
    return found


def _fastest(problem: _Problem, clock_hz: int, best: Plan) -> Plan:
    """The fastest plan, by bisection from one that fits.

    Whether a target fits is nearly monotonic, but not quite: memories have natural depths. So a
    few targets below the result are tried too.
    """
    fails = max(1, problem.network.macs // _most_multipliers(problem.board) - 1)
    while best.cycles > fails * CLOSE_ENOUGH:
        target = min(int(sqrt(best.cycles * fails)), best.cycles - 1)
        found = _attempt(problem, target, clock_hz)
        if found is None:
            fails = max(target, fails + 1)
        else:
            best = found
    for rung in RUNGS:
        best = _attempt(problem, int(best.cycles * rung), clock_hz) or best
    return best


def _most_multipliers(board: Board) -> int:
    """More than any design has: two in every DSP block, and the rest of LUTs."""
    return 2 * board.resources.dsp + board.resources.lut // 16


def _attempt(problem: _Problem, cycles: int, clock_hz: int, *, even: bool = False) -> Plan | None:
    """A plan of at most ``cycles`` a frame, or None if none fits; ``even`` as for choose."""
    least = granules(problem.network, cycles) if cycles >= problem.shell_cycles else None
    choices = _choices(problem, cycles, least) if least else None
    if least is None or choices is None:
        return None
    lanes = {op.name: least[op.name] for op in problem.network.ops if not isinstance(op, Conv)}
    fixed = resource_row(_fixed_costs(problem, least))
    room = [b - f for b, f in zip(problem.budget, fixed, strict=True)]
    for _ in range(TRIES):
        prices = [1 / max(b, 1) for b in problem.budget]
        picked = choose(choices, room, prices, even=even)
        if picked is None:
            return None
        engines = {name: option.plan for name, option in picked.items()}
        built = _finish(problem, engines, lanes, clock_hz)
        if built.cycles > cycles:
            slow = [name for name, cost in built.costs.items() if cost.cycles > cycles]
            raise AssertionError(f"planned for {cycles} cycles a frame, but {slow} take longer")
        # Converters wider than the granules can cost a little more than the program was told.
        used = resource_row(built.resources)
        over = [max(u - b, 0) for u, b in zip(used, problem.budget, strict=True)]
        if not any(over):
            return built
        room = [r - o for r, o in zip(room, over, strict=True)]
    return None


def _choices(
    problem: _Problem, cycles: int, least: dict[str, int]
) -> dict[str, list[Option]] | None:
    """Options of every convolution for ``cycles`` a frame; None if one of them has none."""
    windows = _shared_windows(problem.network)
    choices = {}
    for op in problem.network.convs:
        transfers = 0
        if op.name in windows:
            height, width, channels = problem.network.tensors[windows[op.name]].shape
            transfers = height * width * channels // least[windows[op.name]]
        around = Surroundings(least[op.inputs[0]], least[op.name], op.name in windows, transfers)
        choices[op.name] = options(problem.shapes[op.name], around, cycles, problem.board.family)
    return choices if all(choices.values()) else None


def _shared_windows(network: QuantizedNetwork) -> dict[str, str]:
    """The 3x3 branches, whose windows' centre taps feed the 1x1 branches; with what joins both."""
    fires = (stage for stage in stages(network) if isinstance(stage, FireStage))
    return {fire.three.name: fire.concat.name for fire in fires}


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
        own[name] = engine_cost(
            problem.shapes[name], engine, feeds[name], centre=centre, family=problem.board.family
        )
    costs = {
        op.name: LayerCost(slowest[op.name], on_family(own[op.name], problem.board.family))
        for op in network.ops
    }
    link = on_family(link_cost(problem.board, network), problem.board.family)
    costs["board"] = LayerCost(problem.shell_cycles, link)
    return Plan(
        network=network.name,
        board=problem.board.name,
        clock_hz=clock_hz,
        engines=engines,
        lanes=lanes,
        costs=costs,
        cycles=max(cost.cycles for cost in costs.values()),
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
    assert stage.add is not None
    adder = add_cost(squeeze, three, stage.add.multiplier, around, own)
    return total([adder, *converters])


def _fixed_costs(problem: _Problem, made: dict[str, int]) -> Resources:
    """What the board and the ops without an engine take, whatever the engines."""
    parts = [link_cost(problem.board, problem.network), *_other_costs(problem, made).values()]
    return total([on_family(part, problem.board.family) for part in parts])


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

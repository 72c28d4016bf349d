"""One network on one board: its costs, and a design for a target of cycles a frame.

Every convolution has a handful of foldings that are fast enough; an integer program picks one for
each under the board's budget.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from boards.board import Board, Resources
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import BOARD, INPUT, Conv, GlobalSum, MaxPool
from gen.ir.topology import FireStage, stages
from gen.plan.conv_shape import ConvShape
from gen.plan.cost import CostModel, total
from gen.plan.limits import min_lanes, stream_limits
from gen.plan.link import link_cost, shell_cycles
from gen.plan.options import Option, Surroundings, choose, options, resource_row
from gen.plan.plan import EnginePlan, LayerCost, Plan

TRIES = 8
"""How often the integer program is told of costs that it did not see."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A network to be planned for a board.

    Attributes
    ----------
    network : QuantizedNetwork
    board : Board
    shapes : dict of ConvShape
        By name of the convolution.
    utilisation : float
        Part of the LUTs and flip-flops that may be planned with.
    costs : CostModel
        The one with the coefficients fitted last unless given.
    """

    network: QuantizedNetwork
    board: Board
    shapes: dict[str, ConvShape]
    utilisation: float
    costs: CostModel = field(default_factory=CostModel.fitted)

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

    @staticmethod
    def of(network: QuantizedNetwork, board: Board, utilisation: float) -> Problem:
        """The problem of ``network`` as it is, with the costs fitted last.

        Parameters
        ----------
        network : QuantizedNetwork
        board : Board
        utilisation : float
            Part of the LUTs and flip-flops that may be planned with.
        """
        shapes = {op.name: ConvShape.of(network, op) for op in network.convs}
        return Problem(network, board, shapes, utilisation)


def attempt(problem: Problem, cycles: int, clock_hz: int, *, even: bool = False) -> Plan | None:
    """A plan of at most ``cycles`` a frame, or None if none fits.

    Parameters
    ----------
    problem : Problem
    cycles : int
    clock_hz : int
        What the plan tells; nothing here depends on it.
    even : bool
        Whether the largest part of any resource counts first, as for :func:`choose`.
    """
    least = min_lanes(problem.network, cycles) if cycles >= problem.shell_cycles else None
    choices = engine_options(problem, cycles, least) if least else None
    if least is None or choices is None:
        return None
    lanes = {op.name: least[op.name] for op in problem.network.ops if not isinstance(op, Conv)}
    fixed = resource_row(fixed_costs(problem, least))
    remaining = [b - f for b, f in zip(problem.budget, fixed, strict=True)]
    for _ in range(TRIES):
        prices = [1 / max(b, 1) for b in problem.budget]
        picked = choose(choices, remaining, prices, even=even)
        if picked is None:
            return None
        engines = {name: option.plan for name, option in picked.items()}
        built = finish(problem, engines, lanes, clock_hz)
        if built.cycles > cycles:
            slow = [name for name, cost in built.costs.items() if cost.cycles > cycles]
            raise AssertionError(f"planned for {cycles} cycles a frame, but {slow} take longer")
        # Converters wider than the fewest lanes can cost a little more than the program was told.
        used = resource_row(built.resources)
        over = [max(u - b, 0) for u, b in zip(used, problem.budget, strict=True)]
        if not any(over):
            return built
        remaining = [r - o for r, o in zip(remaining, over, strict=True)]
    return None


def engine_options(
    problem: Problem, cycles: int, least: dict[str, int]
) -> dict[str, list[Option]] | None:
    """Options of every convolution for ``cycles`` a frame; None if one of them has none.

    Parameters
    ----------
    problem : Problem
    cycles : int
    least : dict of int
        Fewest lanes of every tensor, as :func:`min_lanes` finds them.
    """
    windows = _shared_windows(problem.network)
    choices, family = {}, problem.board.family
    for op in problem.network.convs:
        transfers = 0
        if op.name in windows:
            height, width, channels = problem.network.tensors[windows[op.name]].shape
            transfers = height * width * channels // least[windows[op.name]]
        around = Surroundings(least[op.inputs[0]], least[op.name], op.name in windows, transfers)
        choices[op.name] = options(problem.shapes[op.name], around, cycles, family, problem.costs)
    return choices if all(choices.values()) else None


def _shared_windows(network: QuantizedNetwork) -> dict[str, str]:
    """The 3x3 branches, whose windows' centre taps feed the 1x1 branches; with what joins both."""
    fires = (stage for stage in stages(network) if isinstance(stage, FireStage))
    return {fire.three.name: fire.concat.name for fire in fires}


def finish(
    problem: Problem, engines: dict[str, EnginePlan], lanes: dict[str, int], clock_hz: int
) -> Plan:
    """The complete plan, with the cycles and cost of every op.

    Parameters
    ----------
    problem : Problem
    engines : dict of EnginePlan
        By name of the convolution.
    lanes : dict of int
        Lanes at which every other op works, by name.
    clock_hz : int
    """
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
    centres, family = _shared_windows(network), problem.board.family
    for name, engine in engines.items():
        own[name] = problem.costs.engine_cost(
            problem.shapes[name], engine, feeds[name], centre=name in centres, family=family
        )
    costs = {
        op.name: LayerCost(slowest[op.name], problem.costs.on_family(own[op.name], family))
        for op in network.ops
    }
    link = problem.costs.on_family(link_cost(problem.board, network), family)
    costs[BOARD] = LayerCost(problem.shell_cycles, link)
    return Plan(
        network=network.name,
        board=problem.board.name,
        clock_hz=clock_hz,
        engines=engines,
        lanes=lanes,
        costs=costs,
        cycles=max(cost.cycles for cost in costs.values()),
    )


def _other_costs(problem: Problem, made: dict[str, int]) -> dict[str, Resources]:
    """Resources of every op that is no convolution, its lane converters included.

    ``made`` gives the lanes of every tensor.
    """
    costs: dict[str, Resources] = {}
    for stage in stages(problem.network):
        if isinstance(stage, MaxPool):
            costs[stage.name] = _pool_cost(problem, stage, made)
        elif isinstance(stage, GlobalSum):
            costs[stage.name] = _sum_cost(problem, stage, made)
        elif isinstance(stage, FireStage):
            own = made[stage.concat.name]
            branches = (stage.one, stage.three)
            parts = [problem.costs.converter_cost(made[branch.name], own) for branch in branches]
            queues = problem.costs.concat_cost([branch.channels for branch in branches], own)
            costs[stage.concat.name] = total([queues, *parts])
            if stage.add is not None:
                costs[stage.add.name] = _bypass_cost(problem, stage, made)
    return costs


def _pool_cost(problem: Problem, op: MaxPool, made: dict[str, int]) -> Resources:
    costs, (_, width, channels) = problem.costs, problem.network.tensors[op.name].shape
    feed, own = made[op.inputs[0]], made[op.name]
    return total([costs.pool_cost(width, channels, own), costs.converter_cost(feed, own)])


def _sum_cost(problem: Problem, op: GlobalSum, made: dict[str, int]) -> Resources:
    costs, x = problem.costs, problem.network.tensors[op.inputs[0]]
    height, width, channels = x.shape
    bits = (height * width * max(x.high, -x.low)).bit_length() + 1
    feed, own = made[op.inputs[0]], made[op.name]
    converters = [costs.converter_cost(feed, own), costs.converter_cost(own, 1, bits)]
    return total([costs.global_sum_cost(channels, own, bits), *converters])


def _bypass_cost(problem: Problem, stage: FireStage, made: dict[str, int]) -> Resources:
    costs, around, own = problem.costs, made[stage.squeeze.inputs[0]], made[stage.name]
    squeeze, three = problem.shapes[stage.squeeze.name], problem.shapes[stage.three.name]
    feeds = (around, made[stage.concat.name])
    assert stage.add is not None
    adder = costs.add_cost(squeeze, three, stage.add.multiplier, around, own)
    return total([adder, *(costs.converter_cost(feed, own) for feed in feeds)])


def fixed_costs(problem: Problem, made: dict[str, int]) -> Resources:
    """What the board and the ops without an engine take, whatever the engines."""
    parts = [link_cost(problem.board, problem.network), *_other_costs(problem, made).values()]
    return total([problem.costs.on_family(part, problem.board.family) for part in parts])

"""One network on one board: its costs, and a design for a target of cycles a frame.

Every node has a handful of options that are fast enough; an integer program picks one for each
under the board's budget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from boards.board import Board, Resources
from gen.cost.memories import resource_row, total
from gen.cost.model import CostModel
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import BOARD
from gen.nodes.graph import Graph
from gen.nodes.node import Node
from gen.nodes.option import NodePlan, Option, Surroundings
from gen.plan.choose import choose
from gen.plan.limits import feeds, limits, min_lanes
from gen.plan.link import link_cost, shell_cycles, sums_memory
from gen.plan.plan import LayerCost, Plan
from gen.plan.queues import QueuePlan, queues, usual_queues

TRIES = 8
"""How often the integer program is told of costs that it did not see."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A network to be planned for a board.

    Attributes
    ----------
    network : QuantizedNetwork
    board : Board
    graph : Graph
        Of the network.
    utilisation : float
        Part of the LUTs and flip-flops that may be planned with.
    costs : CostModel
        The one with the coefficients fitted last unless given.
    """

    network: QuantizedNetwork
    board: Board
    graph: Graph
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

    @cached_property
    def slowest(self) -> int:
        """Cycles a frame at which every convolution may do with one multiplier."""
        return max(self.shell_cycles, *(node.slowest for node in self.graph))

    @staticmethod
    def of(network: QuantizedNetwork, board: Board, utilisation: float) -> Problem:
        """The problem of ``network`` as it is, with the costs fitted last.

        Parameters
        ----------
        network : QuantizedNetwork
        board : Board
        utilisation : float
            Part of the LUTs and flip-flops that may be planned with.

        Raises
        ------
        FirebrickError
            If there is no hardware for the network.
        """
        return Problem(network, board, Graph.of(network), utilisation)


@dataclass(frozen=True)
class Choices:
    """What may be picked for a target of cycles a frame.

    Attributes
    ----------
    open : dict of list of Option
        By name, of the nodes that leave a choice.
    settled : dict of Option
        By name, of those that leave none.
    fixed : Resources
        What the board, the queues and the settled nodes take.
    """

    open: dict[str, list[Option]]
    settled: dict[str, Option]
    fixed: Resources

    @staticmethod
    def of(problem: Problem, cycles: int) -> Choices | None:
        """Those of a problem; None if something has no option.

        Parameters
        ----------
        problem : Problem
        cycles : int
            A frame.
        """
        least = min_lanes(problem.graph, cycles) if cycles >= problem.shell_cycles else None
        found = node_options(problem, cycles, least) if least else None
        if least is None or found is None:
            return None
        settled = {name: group[0] for name, group in found.items() if len(group) == 1}
        waiting = usual_queues(problem.graph, least, cycles)
        parts = [queue.cost for queue in waiting.values()]
        parts.append(link_cost(problem.board, problem.network))
        family = problem.board.family
        fixed = [problem.costs.on_family(part, family) for part in parts]
        fixed += [option.resources for option in settled.values()]
        left = {name: group for name, group in found.items() if len(group) > 1}
        return Choices(left, settled, total(fixed))

    def pick(
        self, remaining: Sequence[float], prices: Sequence[float], *, even: bool = False
    ) -> dict[str, Option] | None:
        """An option for every node, as :func:`gen.plan.choose.choose` picks them.

        Parameters
        ----------
        remaining : sequence of float
            What is left of each of RESOURCES for those that leave a choice.
        prices : sequence of float
        even : bool
        """
        if not self.open:
            return self.settled if min(remaining) >= 0 else None
        picked = choose(self.open, remaining, prices, even=even)
        return None if picked is None else self.settled | picked


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
    choices = Choices.of(problem, cycles)
    if choices is None:
        return None
    fixed = resource_row(choices.fixed)
    remaining = [b - f for b, f in zip(problem.budget, fixed, strict=True)]
    for _ in range(TRIES):
        prices = [1 / max(b, 1) for b in problem.budget]
        picked = choices.pick(remaining, prices, even=even)
        if picked is None:
            return None
        plans = {node.name: picked[node.name].plan for node in problem.graph}
        built = finish(problem, plans, clock_hz)
        if built.cycles > cycles:
            slow = [name for name, cost in built.costs.items() if cost.cycles > cycles]
            raise AssertionError(f"planned for {cycles} cycles a frame, but {slow} take longer")
        # Converters wider than the fewest lanes, and queues of engines that wait, can cost a little
        # more than the program was told.
        used = resource_row(built.resources)
        over = [max(u - b, 0) for u, b in zip(used, problem.budget, strict=True)]
        if not any(over):
            return built
        remaining = [r - o for r, o in zip(remaining, over, strict=True)]
    return None


def node_options(
    problem: Problem, cycles: int, least: Mapping[str, int]
) -> dict[str, list[Option]] | None:
    """Options of every node for ``cycles`` a frame; None if one of them has none.

    Parameters
    ----------
    problem : Problem
    cycles : int
    least : mapping of int
        Fewest lanes of every tensor, as :func:`min_lanes` finds them.
    """
    graph, family = problem.graph, problem.board.family
    found = {}
    for node in graph:
        paced = cycles if node.name in graph.abreast else _behind(graph, node, least)
        around = Surroundings(tuple(least[x] for x in node.op.inputs), least[node.name], paced)
        found[node.name] = node.options(around, cycles, family, problem.costs)
    return found if all(found.values()) else None


def _behind(graph: Graph, node: Node, least: Mapping[str, int]) -> int:
    """Cycles a frame of what stands still behind a node that waits."""
    edges = graph.readers(node.name) + graph.taps(node.name)
    return max((graph[edge.target].transfers(least[edge.target]) for edge in edges), default=0)


def finish(problem: Problem, plans: dict[str, NodePlan], clock_hz: int) -> Plan:
    """The complete plan, with queues, and the cycles and cost of every node.

    Parameters
    ----------
    problem : Problem
    plans : dict of NodePlan
        By name.
    clock_hz : int
    """
    graph = problem.graph
    slowest = dict.fromkeys(graph.nodes, 0)
    for name, _, limit in limits(graph, plans):
        slowest[name] = max(slowest[name], limit)
    cycles = max(problem.shell_cycles, *slowest.values())
    waiting = queues(graph, plans, slowest, cycles)
    costs = {
        node.name: LayerCost(slowest[node.name], _cost(problem, node, plans, waiting))
        for node in graph
    }
    link = link_cost(problem.board, problem.network)
    link = problem.costs.on_family(link, problem.board.family)
    costs[BOARD] = LayerCost(problem.shell_cycles, link)
    return Plan(
        network=problem.network.name,
        board=problem.board.name,
        clock_hz=clock_hz,
        nodes=plans,
        queues=waiting,
        sums_memory=sums_memory(problem.network),
        costs=costs,
        cycles=cycles,
    )


def _cost(
    problem: Problem, node: Node, plans: Mapping[str, NodePlan], waiting: Mapping[str, QueuePlan]
) -> Resources:
    """Of a node, with the queues and converters in front of it."""
    family, costs = problem.board.family, problem.costs
    lanes = [feed.lanes for feed in feeds(problem.graph, node.name, plans)]
    unit = node.cost(plans[node.name], lanes, family, costs)
    edges = problem.graph.edges[node.name]
    queued = [waiting[edge.name].cost for edge in edges if edge.name in waiting]
    return costs.on_family(total([unit, *queued]), family)

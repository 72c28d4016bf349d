"""The plan: how much hardware each layer gets, and what that costs in cycles and resources."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from boards.board import Resources
from gen.cost.memories import total
from gen.nodes.graph import KINDS
from gen.nodes.option import NodePlan
from gen.plan.queues import QueuePlan
from hw.stream.fifo import MemoryKind


@dataclass(frozen=True)
class LayerCost:
    """Predicted cycles a frame and resources of one node, converters and queues included."""

    cycles: int
    resources: Resources


@dataclass(frozen=True)
class Plan:
    """A plan for a network on a board.

    Attributes
    ----------
    network, board : str
        Names.
    clock_hz : int
    nodes : dict of NodePlan
        By name of the node.
    queues : dict of QueuePlan
        By name of the edge.
    sums_memory : "block" or "lut"
        Where the class sums of a frame wait for the link.
    costs : dict of LayerCost
        By name of the node, plus ``"board"`` for the link and the shell around the accelerator,
        which takes a frame's packets a byte a cycle.
    cycles : int
        Cycles a frame in the steady state: those of what is slowest.
    headroom : dict of int
        What a tenth more of a resource would bring: cycles a frame by resource, and ``"all"``.
        Empty if nobody asked.
    fixed : LayerCost or None
        Cycles and resources of the plan of the same network with fixed contents, if those of this
        one can be replaced.
    """

    network: str
    board: str
    clock_hz: int
    nodes: dict[str, NodePlan]
    queues: dict[str, QueuePlan]
    sums_memory: MemoryKind
    costs: dict[str, LayerCost]
    cycles: int
    headroom: dict[str, int] = field(default_factory=dict)
    fixed: LayerCost | None = None

    @property
    def frames_per_second(self) -> float:
        """Rate of the accelerator itself, whatever the link brings."""
        return self.clock_hz / self.cycles

    @property
    def slowest(self) -> list[str]:
        """Which of ``costs`` take so many cycles."""
        return [name for name, cost in self.costs.items() if cost.cycles == self.cycles]

    @property
    def resources(self) -> Resources:
        """Estimated total."""
        return total([cost.resources for cost in self.costs.values()])

    def to_json(self) -> str:
        """The plan as a JSON document."""
        entry = asdict(self)
        for name, node in self.nodes.items():
            entry["nodes"][name] = {"kind": type(node).__name__, **entry["nodes"][name]}
        return json.dumps(entry, indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> Plan:
        """Read back what :meth:`to_json` wrote; raises ``ValueError``, ``TypeError``, ``KeyError``
        or ``AttributeError`` for anything else.
        """
        entry = json.loads(text)
        entry["nodes"] = {k: _node_plan(**v) for k, v in entry["nodes"].items()}
        entry["queues"] = {k: QueuePlan(**v) for k, v in entry["queues"].items()}
        entry["costs"] = {k: _cost(v) for k, v in entry["costs"].items()}
        if entry.get("fixed") is not None:
            entry["fixed"] = _cost(entry["fixed"])
        plan = Plan(**entry)
        for name in ("clock_hz", "cycles"):
            value = getattr(plan, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} is {value!r}")
        return plan


def _cost(entry: dict[str, Any]) -> LayerCost:
    """Cycles and resources, as JSON has them."""
    return LayerCost(entry["cycles"], Resources(**entry["resources"]))


def _node_plan(kind: str, **fields: Any) -> NodePlan:
    """The plan of a node, by the name of its class."""
    kinds: dict[str, type[Any]] = {node.Plan.__name__: node.Plan for node in KINDS}
    plan: NodePlan = kinds[kind](**fields)
    return plan

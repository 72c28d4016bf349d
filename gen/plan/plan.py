"""The plan: how much hardware each layer gets, and what that costs in cycles and resources."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from boards.board import Resources
from hw.layers.folding import EnginePlan


@dataclass(frozen=True)
class LayerCost:
    """Predicted cycles a frame and resources of one op (its converters and buffers included)."""

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
    engines : dict of EnginePlan
        By name of the convolution.
    lanes : dict of int
        Lanes at which every other op works, by name.
    costs : dict of LayerCost
        By op name, plus ``"board"`` for the link and the shell around the accelerator, which takes
        a frame's packets a byte a cycle.
    cycles : int
        Cycles a frame in the steady state: those of what is slowest.
    headroom : dict of int
        What a tenth more of a resource would bring: cycles a frame by resource, and ``"all"``.
        Empty if nobody asked.
    """

    network: str
    board: str
    clock_hz: int
    engines: dict[str, EnginePlan]
    lanes: dict[str, int]
    costs: dict[str, LayerCost]
    cycles: int
    headroom: dict[str, int] = field(default_factory=dict)

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
        parts = [cost.resources for cost in self.costs.values()]
        return Resources(
            lut=sum(part.lut for part in parts),
            ff=sum(part.ff for part in parts),
            dsp=sum(part.dsp for part in parts),
            bram36=sum(part.bram36 for part in parts),
        )

    def to_json(self) -> str:
        """The plan as a JSON document."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> Plan:
        """Read back what :meth:`to_json` wrote; raises ``ValueError``, ``TypeError``, ``KeyError``
        or ``AttributeError`` for anything else.
        """
        entry = json.loads(text)
        entry["engines"] = {k: EnginePlan(**v) for k, v in entry["engines"].items()}
        entry["costs"] = {
            k: LayerCost(v["cycles"], Resources(**v["resources"]))
            for k, v in entry["costs"].items()
        }
        plan = Plan(**entry)
        for name in ("clock_hz", "cycles"):
            value = getattr(plan, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} is {value!r}")
        return plan

"""One point of a sweep: its network, its plan, and what limits it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from boards import BOARDS
from boards.board import Board
from gen.common.errors import FirebrickError
from gen.explore.network import drawn_network
from gen.explore.space import Point
from gen.explore.version import code_version
from gen.formats.family import Family
from gen.ir.ops import BOARD
from gen.nodes.graph import Graph
from gen.plan.plan import Plan
from gen.plan.planner import Goal

LUT_BITS = 64
"""Bits that a look-up table holds, at most."""
FULL = 0.95
"""Part of what may be planned with of a resource, from which on it limits."""
TITLES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram36": "RAMB36"}
"""Resources in the order of tables, with their names for people."""
INPUT_PACE = "a byte a cycle in"
"""What limits where nothing on the chip does."""


@dataclass(frozen=True)
class Design:
    """The accelerator that was planned for a point.

    Attributes
    ----------
    cycles : int
        A frame.
    clock_hz : int
    lut, ff, dsp : int
    bram36 : float
    multipliers : int
    limits : str
        What keeps it from being faster: full resources, else the slowest layer.
    """

    cycles: int
    clock_hz: int
    lut: int
    ff: int
    dsp: int
    bram36: float
    multipliers: int
    limits: str

    @property
    def frames_per_second(self) -> float:
        """Of the accelerator itself, whatever the link brings."""
        return self.clock_hz / self.cycles


@dataclass(frozen=True)
class Result:
    """What became of a point.

    Attributes
    ----------
    parameters, macs : int or None
        Of the network; None if there is none.
    design : Design or None
    why : str or None
        There is no design, in a sentence.
    lasting : bool
        It will be the same another time; not after a fault of firebrick's own.
    """

    parameters: int | None = None
    macs: int | None = None
    design: Design | None = None
    why: str | None = None
    lasting: bool = True

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @staticmethod
    def from_json(entry: dict[str, Any]) -> Result:
        """What :meth:`to_json` made plain."""
        design = entry["design"]
        return Result(**{**entry, "design": None if design is None else Design(**design)})


def plan_point(code: str, point: Point) -> Result:
    """Plan a point; what fails says why.

    Parameters
    ----------
    code : str
        The :func:`code_version` that is wanted.
    point : Point

    Raises
    ------
    FirebrickError
        If this process has other code.
    """
    if code_version() != code:
        raise FirebrickError(
            "a worker has another version of firebrick; update it, and start it again"
        )
    try:
        family = point.family()
    except FirebrickError as error:
        return Result(why=str(error).removeprefix("--family "))
    network = Result(family.parameters, family.macs)
    try:
        return replace(network, design=_design(family, point))
    except FirebrickError as error:
        return replace(network, why=str(error))
    except Exception as error:  # costs this point only
        return replace(network, why=f"fault: {type(error).__name__}: {error}", lasting=False)


def _design(family: Family, point: Point) -> Design:
    board = BOARDS[point.board]
    goal = Goal(board, point.clock_hz, utilisation=point.utilisation)
    _check_memory(family, point.width.bits, board)
    network = drawn_network(family, point.width)
    made = goal.plan(network)
    used = made.resources
    return Design(
        cycles=made.cycles,
        clock_hz=made.clock_hz,
        lut=round(used.lut),
        ff=round(used.ff),
        dsp=used.dsp,
        bram36=used.bram36,
        multipliers=Graph.of(network).multipliers(made.nodes),
        limits=limits(made, board, point.utilisation),
    )


def _check_memory(family: Family, bits: int, board: Board) -> None:
    """Refuse at once what is larger than all memory there is, and might be much larger."""
    held = board.memory_bits + LUT_BITS * board.resources.lut
    needed = bits * family.parameters
    if needed > held:
        raise FirebrickError(
            f"{family.name} does not fit {board.name}: its weights take {needed / 1e6:.1f} Mbit, "
            f"and all block RAMs and LUTs together hold {held / 1e6:.1f}"
        )


def limits(made: Plan, board: Board, utilisation: float) -> str:
    """What keeps a plan from being faster, as far as it shows.

    That is the pace of the input; or else the resources that are full, or as good as; or else the
    slowest layer, whose next faster folding would take more than there is.

    Parameters
    ----------
    made : Plan
    board : Board
    utilisation : float
        Part of the LUTs and flip-flops that could be planned with.
    """
    if BOARD in made.slowest:
        return INPUT_PACE
    parts = {"lut": utilisation, "ff": utilisation}
    full = [
        title
        for name, title in TITLES.items()
        if getattr(made.resources, name)
        >= FULL * parts.get(name, 1) * getattr(board.resources, name)
    ]
    return ", ".join(full) or made.slowest[0]

"""What is known of a vendor cell's timing, whatever the family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

BLOCK, LOGIC, OTHER = "block", "logic", "other"
LUT, MUX, CARRY = "lut", "mux", "carry"
"""What drives a net: the kinds that a wire's delay depends on."""
DATA, CONTROL = "data", "control"
SELECTED, OPERAND, CHAIN = "selected", "operand", "chain"
"""What a net ends at: logic, block RAM or multiplier, a flip-flop's D, its enable or reset, a wide
multiplexer's data, an operand of a carry chain, and the carry from the cell before."""


class Arc(NamedTuple):
    """Time from an input to an output of a cell, in ns; all bits of a port if none is told."""

    source: str
    target: str
    ns: float
    source_bit: int | None = None
    target_bit: int | None = None


class Edge(NamedTuple):
    """Clock to output, or setup of an input, in ns."""

    port: str
    clock: str
    ns: float


@dataclass(frozen=True)
class CellTiming:
    """Delays of a cell.

    Attributes
    ----------
    arcs : tuple of Arc
        From inputs to outputs without a register between.
    launches, captures : tuple of Edge
        Outputs that change with a clock, inputs that are taken over by one.
    drives : str
        One of :data:`LUT`, :data:`MUX`, :data:`CARRY`, :data:`OTHER`.
    pins : dict of str
        What the inputs are by port, where it is not :data:`LOGIC`.
    reset : str or None
        The input that resets a flip-flop; None for all other cells.
    """

    arcs: tuple[Arc, ...] = ()
    launches: tuple[Edge, ...] = ()
    captures: tuple[Edge, ...] = ()
    drives: str = OTHER
    pins: Mapping[str, str] = field(default_factory=dict)
    reset: str | None = None


Parameters = Mapping[str, str]
"""Of a cell, as Yosys writes them: numbers as strings of bits, words with a space behind them
where they could be taken for bits."""

Library = Mapping[str, CellTiming | Callable[[Parameters], CellTiming]]
"""By kind of cell, its timing, or what tells it from the cell's parameters."""


def number(parameters: Parameters, name: str, default: int) -> int:
    """A parameter of a cell that is a number.

    Parameters
    ----------
    parameters : dict of str
    name : str
    default : int
        Its value if it is not among them.
    """
    return int(str(parameters[name]), 2) if name in parameters else default


def word(parameters: Parameters, name: str, default: str) -> str:
    """A parameter of a cell that is a word.

    Parameters
    ----------
    parameters : dict of str
    name, default : str
        As for a :func:`number`.
    """
    return str(parameters.get(name, default)).strip()

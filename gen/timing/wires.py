"""How long a wire takes before anything is placed, by what it joins and its fan-out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from boards.board import Family
from gen.timing.cell_timing import BLOCK, CARRY, CHAIN, DATA, LUT, MUX, OPERAND, SELECTED

FITTED = Path(__file__).with_name("wires.json")
"""What ``python -m bench wires --json`` wrote."""
KNEE = 5
"""Doublings of a net's loads (32) from which on it is spread so far that each costs much more."""


@dataclass(frozen=True)
class WireModel:
    """Constants of a family: what wires of routed designs took on average.

    Within a slice a wire costs nothing: from a LUT or a multiplexer to the next wide multiplexer,
    from one cell of a carry chain to the next (what it takes there is in the cells' delays), and
    from logic to the flip-flop, or from a LUT to the carry chain, that alone reads it.

    Attributes
    ----------
    base, slope, wide_slope : float
        Of any other wire, in ns: with one load, more for each doubling of the loads up to
        ``2**KNEE``, and more for each doubling above.
    block : float
        More at each end that is a block RAM or a multiplier; those stand in columns of their own.
    feed : float
        More on the way to a carry chain from elsewhere: a LUT that is merely passed.
    routed : float
        The slowest path of a routed design, over the slowest estimate in its netlist.
    error : float or None
        By what part of that the routed designs differ from it, at most. None if there are none yet,
        and all constants are guesses.
    """

    base: float
    slope: float
    wide_slope: float
    block: float
    feed: float
    routed: float
    error: float | None

    @staticmethod
    def load(family: Family) -> WireModel:
        """The constants that were fitted last."""
        return WireModel(**json.loads(FITTED.read_text())["wires"]["constants"][family])

    def delays(self, drivers: np.ndarray, pins: np.ndarray, fan_out: np.ndarray) -> np.ndarray:
        """Delay of each wire in ns.

        Parameters
        ----------
        drivers, pins : array of str
            What drives it and what it ends at, in the words of :mod:`gen.timing.cell_timing`.
        fan_out : int array
            Loads of the whole net.
        """
        doublings = np.log2(np.maximum(fan_out, 1))
        ns = self.base + self.slope * np.minimum(doublings, KNEE)
        ns += self.wide_slope * np.maximum(doublings - KNEE, 0)
        ns += self.block * ((drivers == BLOCK).astype(int) + (pins == BLOCK))
        ns += self.feed * (pins == OPERAND)
        return np.where(inside(drivers, pins, fan_out), 0.0, ns)


def inside(drivers: np.ndarray, pins: np.ndarray, fan_out: np.ndarray) -> np.ndarray:
    """Which wires stay within a slice.

    Parameters
    ----------
    drivers, pins : array of str
    fan_out : int array
        As for :meth:`WireModel.delays`.
    """
    lut, alone = drivers == LUT, fan_out == 1
    mux = lut | (drivers == MUX)
    logic = mux | (drivers == CARRY)
    return (
        (mux & (pins == SELECTED))
        | (lut & (pins == OPERAND) & alone)
        | ((drivers == CARRY) & (pins == CHAIN))
        | (logic & (pins == DATA) & alone)
    )

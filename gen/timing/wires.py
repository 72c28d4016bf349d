"""How long a wire takes before anything is placed, by what it joins and its fan-out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from boards.board import Family
from gen.timing.cell_timing import CARRY, CHAIN, DATA, LUT, MUX, OPERAND, SELECTED

FITTED = Path(__file__).with_name("wires.json")
"""What ``python -m bench fmax --fit`` wrote."""
KNEE = 64
"""Fan-out from which on a net is spread so far that its delay grows faster."""


@dataclass(frozen=True)
class WireModel:
    """Constants of a family.

    Attributes
    ----------
    base, slope, wide_slope : float
        Of any wire, in ns: for one load, more for each doubling of the loads up to
        :data:`KNEE`, and for each doubling above.
    chain : float
        From one cell of a carry chain to the next.
    inside : float
        Within a slice: to a wide multiplexer's data, and from a LUT to a carry chain.
    register : float
        From logic to the flip-flop behind it, where nothing else reads it.
    routed : float
        What routed paths take, over this estimate.
    """

    base: float
    slope: float
    wide_slope: float
    chain: float
    inside: float
    register: float
    routed: float

    @staticmethod
    def load(family: Family) -> WireModel:
        """The constants that were fitted last."""
        return WireModel(**json.loads(FITTED.read_text())[family])

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
        knee = np.log2(KNEE)
        ns = self.base + self.slope * np.minimum(doublings, knee)
        ns += self.wide_slope * np.maximum(doublings - knee, 0)
        logic = (drivers == LUT) | (drivers == MUX) | (drivers == CARRY)
        ns = np.where(logic & (pins == DATA) & (fan_out == 1), self.register, ns)
        near = ((drivers == LUT) | (drivers == MUX)) & (pins == SELECTED)
        near |= (drivers == LUT) & (pins == OPERAND)
        ns = np.where(near, self.inside, ns)
        return np.where((drivers == CARRY) & (pins == CHAIN), self.chain, ns)

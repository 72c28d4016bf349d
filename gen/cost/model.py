"""The model of costs: estimates of LUTs and flip-flops from fitted coefficients.

DSP and block RAM counts are meant to be exact; LUTs and flip-flops are estimates. Here is what
several kinds of node are made of; each kind's own costs are with it, in :mod:`gen.nodes`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from boards.board import Family, Resources
from gen.common.cached import kept_by_first
from gen.cost.coefficients import Coefficients, Group
from gen.cost.memories import memory_cost
from gen.cost.multipliers import MULTIPLIER_COST
from hw.arith.mac import MacConfig
from hw.arith.rom import lut_columns
from hw.stream.fifo import MemoryKind


@dataclass(frozen=True)
class Common(Group):
    """What units of all kinds are made of.

    Attributes
    ----------
    stream_lut, stream_ff : float
        A bit of the wider side of a lane converter.
    unit_lut, unit_ff : float
        Counters and handshakes of a pool, concatenation, adder or sum.
    rom_mux_lut : float
        A bit of a ROM in LUTs, for each four banks of 64 rows but the first.
    lut4_per_lut6 : float
        Look-up tables of four inputs that do what the formulas count of six inputs: for the ECP5.
    """

    stream_lut: float
    stream_ff: float
    unit_lut: float
    unit_ff: float
    rom_mux_lut: float
    lut4_per_lut6: float


@dataclass(frozen=True, eq=False)
class CostModel:
    """The costs that depend on fitted coefficients.

    Results are kept with the model, for the planner asks the same again and again.

    Attributes
    ----------
    coefficients : Coefficients
    """

    coefficients: Coefficients

    @staticmethod
    @cache
    def fitted() -> CostModel:
        """The one with the coefficients that were fitted last."""
        return CostModel(Coefficients.load())

    def on_family(self, resources: Resources, family: Family) -> Resources:
        """Resources counted in 6-input LUTs, in those that the family has."""
        if family == "xc7":
            return resources
        factor = self.coefficients.of(Common).lut4_per_lut6
        return replace(resources, lut=round(resources.lut * factor))

    @kept_by_first
    def lutrom_luts(self, depth: int, width: int) -> int:
        """LUTs of a ROM: 64 bits a LUT6, and a mux beyond what F7 and F8 join."""
        banks = -(-depth // 64)
        mux = self.coefficients.of(Common).rom_mux_lut
        return width * banks + round(mux * width * (-(-banks // 4) - 1))

    def rom_cost(self, kind: MemoryKind, depth: int, width: int) -> Resources:
        """Cost of a ROM in block RAM or in LUTs.

        Parameters
        ----------
        kind, depth, width : "block" or "lut", int, int
            As for :func:`memory_cost`.
        """
        if kind == "block":
            return memory_cost(kind, depth, width)
        addresses = -(-width // lut_columns(depth)) * (depth - 1).bit_length()
        return Resources(self.lutrom_luts(depth, width), width + addresses, 0, 0)

    @kept_by_first
    def multiply_cost(self, config: MacConfig) -> Resources:
        """Multipliers, adder trees and accumulators."""
        return MULTIPLIER_COST[config.kind](config, self.coefficients)

    @kept_by_first
    def converter_cost(self, i_lanes: int, o_lanes: int, bits: int = 8) -> Resources:
        """A lane converter; nothing when both sides are equal.

        Parameters
        ----------
        i_lanes, o_lanes : int
            Channels a transfer on either side.
        bits : int
            Width of a channel.
        """
        wide = bits * max(i_lanes, o_lanes) if i_lanes != o_lanes else 0
        bit = self.coefficients.of(Common)
        return Resources(round(bit.stream_lut * wide), round(bit.stream_ff * wide), 0, 0)

    def unit_cost(self) -> Resources:
        """Counters and handshakes of a unit that is no engine."""
        unit = self.coefficients.of(Common)
        return Resources(round(unit.unit_lut), round(unit.unit_ff), 0, 0)

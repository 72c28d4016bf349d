"""What a netlist of vendor cells takes of an FPGA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from boards.board import Family, Resources
from gen.common.errors import FirebrickError


@dataclass(frozen=True)
class CellCount:
    """Resources that a netlist takes.

    Attributes
    ----------
    lut, ff, dsp : int
        As in :class:`boards.board.Resources`.
    bram36, bram18 : int
        Block RAMs of 36 and of 18 Kibit.
    lutram : int
        Those LUTs that are memory or shift registers.
    """

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram36: int = 0
    bram18: int = 0
    lutram: int = 0

    def __add__(self, other: CellCount) -> CellCount:
        names = (item.name for item in fields(self))
        return CellCount(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def __mul__(self, count: int) -> CellCount:
        names = (item.name for item in fields(self))
        return CellCount(**{name: getattr(self, name) * count for name in names})

    @property
    def resources(self) -> Resources:
        """The same in the planner's terms."""
        return Resources(self.lut, self.ff, self.dsp, self.bram36 + self.bram18 / 2)


def _memory(luts: int) -> CellCount:
    return CellCount(lut=luts, lutram=luts)


_LUT, _FF, _DSP = CellCount(lut=1), CellCount(ff=1), CellCount(dsp=1)

_XC7 = {
    **{f"LUT{inputs}": _LUT for inputs in range(1, 7)},
    "INV": _LUT,
    **dict.fromkeys(("FDRE", "FDSE", "FDCE", "FDPE", "LDCE", "LDPE"), _FF),
    **dict.fromkeys(("RAM32M", "RAM64M", "RAM128X1D", "RAM256X1S"), _memory(4)),
    **dict.fromkeys(("RAM32X1D", "RAM64X1D", "RAM128X1S"), _memory(2)),
    **dict.fromkeys(("RAM32X1S", "RAM64X1S", "SRL16E", "SRLC16E", "SRLC32E"), _memory(1)),
    "DSP48E1": _DSP,
    "RAMB36E1": CellCount(bram36=1),
    "RAMB18E1": CellCount(bram18=1),
}
_ECP5 = {
    "LUT4": _LUT,
    "CCU2C": CellCount(lut=2),  # two LUTs with a carry chain
    "TRELLIS_FF": _FF,
    "TRELLIS_IO": CellCount(),
    # Four LUTs hold the bits, and writing takes both LUTs of another slice.
    "TRELLIS_DPR16X4": _memory(6),
    "MULT18X18D": _DSP,
    "DP16KD": CellCount(bram18=1),
    "PDPW16KD": CellCount(bram18=1),
}
_CELLS: dict[Family, dict[str, CellCount]] = {"xc7": _XC7, "ecp5": _ECP5}
_SUSPECT = ("$", "LUT", "FD", "LD", "RAM", "SRL", "DSP", "MULT", "ALU", "TRELLIS", "DP", "PDP")
"""What a cell's name begins with that is not simply a pad, a clock buffer, a carry or a mux."""


def count_cells(family: Family, cells: Mapping[str, int]) -> CellCount:
    """Resources of cells.

    Parameters
    ----------
    family : str
        Of the FPGA.
    cells : dict of int
        How many there are of each type; modules must be left out.

    Raises
    ------
    FirebrickError
        If a cell may take resources and it is not known which.
    """
    known = _CELLS[family]
    total = CellCount()
    for kind, count in cells.items():
        plain = kind.lstrip("\\")
        if plain in known:
            total += known[plain] * count
        elif plain.startswith(_SUSPECT):
            raise FirebrickError(
                f"Yosys made {count} cells {plain!r} for {family}, whose resources are not known; "
                "add them to gen/backend/cells.py"
            )
    return total

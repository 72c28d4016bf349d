"""Delays of ECP5 cells, speed grade 6, in ns: Project Trellis' ``ECP5/timing/speed_6/cells.json``.

Which registers of a multiplier count is what nextpnr-ecp5 looks at, too.
"""

from __future__ import annotations

from collections.abc import Mapping

from gen.timing.cell_timing import (
    BLOCK,
    CARRY,
    CHAIN,
    CONTROL,
    DATA,
    LUT,
    MUX,
    SELECTED,
    Arc,
    CellTiming,
    Edge,
    Library,
    Parameters,
    word,
)

LUT_NS = 0.236
_OPERANDS = "ABCD"


def _carry() -> CellTiming:
    """Two LUTs with a carry chain through both."""
    arcs = [Arc("CIN", "S0", 0.443), Arc("CIN", "S1", 0.474), Arc("CIN", "COUT", 0.071)]
    for letter in _OPERANDS:
        arcs += [
            Arc(f"{letter}0", "S0", LUT_NS),
            Arc(f"{letter}0", "S1", 0.714),
            Arc(f"{letter}1", "S1", LUT_NS),
            Arc(f"{letter}0", "COUT", 0.447),
            Arc(f"{letter}1", "COUT", 0.447),
        ]
    return CellTiming(tuple(arcs), drives=CARRY, pins={"CIN": CHAIN})


def _mux(first: str, second: str, select: str, data_ns: float, select_ns: float) -> CellTiming:
    arcs = (Arc(first, "Z", data_ns), Arc(second, "Z", data_ns), Arc(select, "Z", select_ns))
    return CellTiming(arcs, drives=MUX, pins={first: SELECTED, second: SELECTED})


def _flip_flop(parameters: Parameters) -> CellTiming:
    asynchronous = word(parameters, "SRMODE", "LSR_OVER_CE") == "ASYNC"
    reset = () if asynchronous else (Edge("LSR", "CLK", 0.424),)
    return CellTiming(
        launches=(Edge("Q", "CLK", 0.525),),
        captures=(Edge("DI", "CLK", 0.0), Edge("M", "CLK", 0.0), Edge("CE", "CLK", 0.0), *reset),
        pins={"DI": DATA, "M": DATA, "CE": CONTROL, "LSR": CONTROL},
        reset="LSR",
    )


def _lut_ram() -> CellTiming:
    return CellTiming(
        (Arc("RAD", "DO", LUT_NS),),
        (Edge("DO", "WCK", 0.929),),
        (Edge("DI", "WCK", 0.0), Edge("WAD", "WCK", 0.0), Edge("WRE", "WCK", 0.392)),
        drives=LUT,
    )


_BLOCK_RAM_OUT = {"A": (5.609, 0.973), "B": (5.830, 0.956)}
"""Without an output register and with one."""
_BLOCK_RAM_SETUPS = {
    "A": {"OCEA": 0.226, "RSTA": 0.579, "ADA": 0.251, "WEA": 0.139, "DIA": 0.218, "CEA": 0.211},
    "B": {"OCEB": 0.253, "RSTB": 0.585, "ADB": 0.205, "WEB": 0.0, "DIB": 0.134, "CEB": 0.340},
}
_BUS_BITS = {"ADA": 14, "ADB": 14, "DIA": 18, "DIB": 18}


def _block_ram(parameters: Parameters) -> CellTiming:
    launches, captures = [], []
    for port, setups in _BLOCK_RAM_SETUPS.items():
        out = _BLOCK_RAM_OUT[port][_registered(parameters, f"REGMODE_{port}")]
        launches += [Edge(f"DO{port}{bit}", f"CLK{port}", out) for bit in range(18)]
        for name, setup in setups.items():
            captures += [Edge(pin, f"CLK{port}", setup) for pin in _pins(name, _BUS_BITS)]
    return _clocked_block(launches, captures)


_PSEUDO_DUAL_SETUPS = {
    "CLKW": {"ADW": 0.251, "DI": 0.218, "BE": 0.139, "CEW": 0.211},
    "CLKR": {"ADR": 0.205, "CER": 0.340, "OCER": 0.253, "RST": 0.585},
}
_PSEUDO_DUAL_BITS = {"ADW": 9, "DI": 36, "BE": 4, "ADR": 14}


def _pseudo_dual_port(parameters: Parameters) -> CellTiming:
    """The same block, written by its port A and read by its port B."""
    out = _BLOCK_RAM_OUT["B"][_registered(parameters, "REGMODE")]
    captures = [
        Edge(pin, clock, setup)
        for clock, setups in _PSEUDO_DUAL_SETUPS.items()
        for name, setup in setups.items()
        for pin in _pins(name, _PSEUDO_DUAL_BITS)
    ]
    return _clocked_block([Edge(f"DO{bit}", "CLKR", out) for bit in range(36)], captures)


def _registered(parameters: Parameters, mode: str) -> bool:
    return word(parameters, mode, "NOREG") == "OUTREG"


def _pins(name: str, bits: Mapping[str, int]) -> list[str]:
    """The bits of a bus, each a port of its own, or the port that is no bus."""
    return [f"{name}{bit}" for bit in range(bits[name])] if name in bits else [name]


def _clocked_block(launches: list[Edge], captures: list[Edge]) -> CellTiming:
    pins = dict.fromkeys([edge.port for edge in captures], BLOCK)
    return CellTiming((), tuple(launches), tuple(captures), BLOCK, pins)


_OUTPUTS = [f"P{bit}" for bit in range(36)]
_FACTORS = [f"{letter}{bit}" for letter in "AB" for bit in range(18)]


def _multiplier(parameters: Parameters) -> CellTiming:
    """By where registers are: at its inputs, between and behind, as nextpnr-ecp5 tells them."""

    def clocked(name: str) -> bool:
        return word(parameters, name, "NONE") != "NONE"

    inputs = clocked("REG_INPUTA_CLK") and clocked("REG_INPUTB_CLK")
    output = clocked("REG_OUTPUT_CLK")
    pipeline = clocked("REG_PIPELINE_CLK")
    if not (inputs or output or pipeline):
        arcs = tuple(Arc(pin, out, 3.927) for pin in _FACTORS for out in _OUTPUTS)
        return CellTiming(arcs, drives=BLOCK, pins=dict.fromkeys(_FACTORS, BLOCK))
    setup = 0.084 if inputs else 2.625 if pipeline else 3.486
    launch = 0.735 if output else 1.334 if pipeline else 3.864
    return _clocked_block(
        [Edge(pin, "CLK0", launch) for pin in _OUTPUTS],
        [Edge(pin, "CLK0", setup) for pin in _FACTORS],
    )


_PADS = dict.fromkeys(
    (
        *("TRELLIS_IO", "BB", "IB", "OB", "OBZ", "EHXPLLL", "DCCA", "USRMCLK", "GSR", "SGSR"),
        *("IDDRX1F", "ODDRX1F", "DELAYF", "DELAYG", "OSCG", "DTR", "ECLKSYNCB", "CLKDIVF"),
    ),
    CellTiming(),
)
"""Between the pads and the clocks, which are not looked at."""

CELLS: Library = {
    "LUT4": CellTiming(tuple(Arc(letter, "Z", LUT_NS) for letter in _OPERANDS), drives=LUT),
    "CCU2C": _carry(),
    "PFUMX": _mux("ALUT", "BLUT", "C0", 0.165, 0.256),
    "L6MUX21": _mux("D0", "D1", "SD", 0.242, 0.256),
    "TRELLIS_FF": _flip_flop,
    "TRELLIS_DPR16X4": _lut_ram(),
    "DP16KD": _block_ram,
    "PDPW16KD": _pseudo_dual_port,
    "MULT18X18D": _multiplier,
    **_PADS,
}

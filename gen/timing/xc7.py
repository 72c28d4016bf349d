"""Delays of 7-series cells, speed grade -1, in ns.

Multiplexers, carry chains, block RAM, LUT RAM and DSP48E1 are Project X-Ray's
(``artix7/timings/*.sdf``, slow corner; those of slices as Yosys' ``xilinx/cells_sim.v`` quotes
them). By how much a LUT's inputs differ counts as wire: all have 0.124 ns. That, and flip-flops,
are what the routed designs were analysed with that the wires are fitted to.
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
    OPERAND,
    SELECTED,
    Arc,
    CellTiming,
    Edge,
    Library,
    Parameters,
    number,
    word,
)
from gen.timing.dsp48e1 import dsp48e1

LUT_NS = 0.124
_CLOCK_TO_Q, _D, _CE, _SR = 0.456, 0.06, 0.205, 0.429

_CARRY_OUT = {  # of O[n] and CO[n]: CYINIT, CI, then S[0..n], then DI[0..n] where there is a way
    "O": (
        (0.482, 0.222, (0.223,), ()),
        (0.598, 0.334, (0.400, 0.205), (0.407,)),
        (0.584, 0.239, (0.523, 0.558, 0.226), (0.556, 0.537)),
        (0.642, 0.313, (0.582, 0.618, 0.330, 0.227), (0.615, 0.596, 0.438)),
    ),
    "CO": (
        (0.536, 0.271, (0.340,), (0.379,)),
        (0.494, 0.157, (0.433, 0.469), (0.465, 0.445)),
        (0.592, 0.228, (0.512, 0.548, 0.292), (0.540, 0.520, 0.356)),
        (0.580, 0.114, (0.508, 0.528, 0.378, 0.380), (0.526, 0.507, 0.398, 0.385)),
    ),
}


def _carry4() -> CellTiming:
    arcs = []
    for target, rows in _CARRY_OUT.items():
        for bit, (init, chain, selects, operands) in enumerate(rows):
            arcs.append(Arc("CYINIT", target, init, 0, bit))
            arcs.append(Arc("CI", target, chain, 0, bit))
            arcs += [Arc("S", target, ns, n, bit) for n, ns in enumerate(selects)]
            arcs += [Arc("DI", target, ns, n, bit) for n, ns in enumerate(operands)]
    return CellTiming(tuple(arcs), drives=CARRY, pins={"S": OPERAND, "DI": OPERAND, "CI": CHAIN})


def _lut(inputs: int) -> CellTiming:
    return CellTiming(tuple(Arc(f"I{n}", "O", LUT_NS) for n in range(inputs)), drives=LUT)


def _mux(data: float, select: float) -> CellTiming:
    arcs = (Arc("I0", "O", data), Arc("I1", "O", data), Arc("S", "O", select))
    return CellTiming(arcs, drives=MUX, pins={"I0": SELECTED, "I1": SELECTED})


def _flip_flop(reset: str, *, asynchronous: bool = False) -> CellTiming:
    captures = [Edge("D", "C", _D), Edge("CE", "C", _CE)]
    if not asynchronous:
        captures.append(Edge(reset, "C", _SR))
    return CellTiming(
        launches=(Edge("Q", "C", _CLOCK_TO_Q),),
        captures=tuple(captures),
        pins={"D": DATA, "CE": CONTROL, reset: CONTROL},
        reset=reset,
    )


_WRITE_TO_OUT, _RAM_DATA, _RAM_ADDRESS, _RAM_ENABLE = 1.19, 0.461, 0.362, 0.654


def _lut_ram(ports: Mapping[str, str], data: str, write_address: str) -> CellTiming:
    """A RAM of LUTs.

    Parameters
    ----------
    ports : dict of str
        Address by output.
    data : str
        Inputs, separated by spaces.
    write_address : str
        The same.
    """
    captures = [Edge(port, "WCLK", _RAM_DATA) for port in data.split()]
    captures += [Edge(port, "WCLK", _RAM_ADDRESS) for port in write_address.split()]
    return CellTiming(
        tuple(Arc(a, out, LUT_NS) for out, addresses in ports.items() for a in addresses.split()),
        tuple(Edge(out, "WCLK", _WRITE_TO_OUT) for out in ports),
        (*captures, Edge("WE", "WCLK", _RAM_ENABLE)),
        drives=LUT,
    )


def _quad() -> CellTiming:
    outputs = {f"DO{letter}": f"ADDR{letter}" for letter in "ABCD"}
    return _lut_ram(outputs, "DIA DIB DIC DID", "ADDRD")


def _dual(bits: int) -> CellTiming:
    own = " ".join(f"A{n}" for n in range(bits))
    other = " ".join(f"DPRA{n}" for n in range(bits))
    return _lut_ram({"SPO": own, "DPO": other}, "D", own)


def _single(bits: int) -> CellTiming:
    own = " ".join(f"A{n}" for n in range(bits))
    return _lut_ram({"O": own}, "D", own)


def _shift_register(address: str, *tails: str) -> CellTiming:
    return CellTiming(
        tuple(Arc(port, "Q", LUT_NS) for port in address.split()),
        (Edge("Q", "CLK", 1.472), *(Edge(tail, "CLK", 1.114) for tail in tails)),
        (Edge("D", "CLK", 0.173), Edge("CE", "CLK", _CE)),
        drives=LUT,
    )


_BLOCK_RAM_OUT, _REGISTERED_OUT = 2.454, 0.882
_PORT_A, _PORT_B = "CLKARDCLK", "CLKBWRCLK"
_BLOCK_RAM_SETUPS = {
    _PORT_A: {
        "ADDRARDADDR": 0.566,
        "ENARDEN": 0.443,
        "WEA": 0.532,
        "REGCEAREGCE": 0.360,
        "RSTREGARSTREG": 0.342,
        "RSTRAMARSTRAM": 0.359,
    },
    _PORT_B: {
        "ADDRBWRADDR": 0.566,
        "ENBWREN": 0.443,
        "WEBWE": 0.532,
        "REGCEB": 0.360,
        "RSTREGB": 0.342,
        "RSTRAMB": 0.359,
    },
}
_WRITTEN = {"A": ("DIADI", "DIPADIP"), "B": ("DIBDI", "DIPBDIP")}
_READ = {"A": ("DOADO", "DOPADOP"), "B": ("DOBDO", "DOPBDOP")}
_DATA_SETUP, _READ_FIRST_SETUP = 0.737, 0.241


def _block_ram(parameters: Parameters) -> CellTiming:
    """With output registers or without.

    As simple dual port, port A's clock reads all bits and port B's writes them.
    """
    simple = word(parameters, "RAM_MODE", "TDP") == "SDP"
    launches, captures = [], []
    for letter, clock in (("A", _PORT_A), ("B", _PORT_B)):
        registered = number(parameters, "DOA_REG" if simple else f"DO{letter}_REG", 0)
        out = _REGISTERED_OUT if registered else _BLOCK_RAM_OUT
        reader, writer = (_PORT_A, _PORT_B) if simple else (clock, clock)
        launches += [Edge(port, reader, out) for port in _READ[letter]]
        mode = word(parameters, f"WRITE_MODE_{'B' if simple else letter}", "WRITE_FIRST")
        setup = _READ_FIRST_SETUP if mode == "READ_FIRST" else _DATA_SETUP
        captures += [Edge(port, writer, setup) for port in _WRITTEN[letter]]
        captures += [Edge(port, clock, ns) for port, ns in _BLOCK_RAM_SETUPS[clock].items()]
    pins = dict.fromkeys([edge.port for edge in captures], BLOCK)
    return CellTiming((), tuple(launches), tuple(captures), BLOCK, pins)


_PADS = dict.fromkeys(
    (
        *("IBUF", "IBUFG", "OBUF", "IOBUF", "OBUFT", "BUFG", "BUFGCTRL", "BUFH", "BUFR", "BUFIO"),
        *("MMCME2_BASE", "MMCME2_ADV", "PLLE2_BASE", "PLLE2_ADV", "IDELAYCTRL", "IDELAYE2"),
        *("IDDR", "ODDR", "ISERDESE2", "OSERDESE2", "STARTUPE2"),
    ),
    CellTiming(),
)
"""Between the pads and the clocks, which are not looked at."""

CELLS: Library = {
    **{f"LUT{inputs}": _lut(inputs) for inputs in range(1, 7)},
    "INV": CellTiming((Arc("I", "O", LUT_NS),), drives=LUT),
    "MUXF7": _mux(0.223, 0.296),
    "MUXF8": _mux(0.104, 0.273),
    "CARRY4": _carry4(),
    "FDRE": _flip_flop("R"),
    "FDSE": _flip_flop("S"),
    "FDCE": _flip_flop("CLR", asynchronous=True),
    "FDPE": _flip_flop("PRE", asynchronous=True),
    "RAM32M": _quad(),
    "RAM64M": _quad(),
    "RAM32X1D": _dual(5),
    "RAM64X1D": _dual(6),
    "RAM128X1D": _lut_ram({"SPO": "A", "DPO": "DPRA"}, "D", "A"),
    "RAM32X1S": _single(5),
    "RAM64X1S": _single(6),
    "RAM128X1S": _single(7),
    "RAM256X1S": _lut_ram({"O": "A"}, "D", "A"),
    "SRL16E": _shift_register("A0 A1 A2 A3"),
    "SRLC16E": _shift_register("A0 A1 A2 A3", "Q15"),
    "SRLC32E": _shift_register("A", "Q31"),
    "RAMB18E1": _block_ram,
    "RAMB36E1": _block_ram,
    "DSP48E1": dsp48e1,
    **_PADS,
}

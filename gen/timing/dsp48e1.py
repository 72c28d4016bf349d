"""Delays of a DSP48E1 by its registers, speed grade -1, in ns.

All are Project X-Ray's (``artix7/timings/DSP_L.sdf``, slow corner, without pattern detection).
Paths from a register to another one inside the block are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gen.timing.cell_timing import BLOCK, Arc, CellTiming, Edge, Parameters, number, word


class _Register(NamedTuple):
    """One on the way from an input to P.

    Attributes
    ----------
    name : str
        The parameter that counts it.
    setup : float
        Of the input, if no register is in front of this one.
    launch : float
        From its clock to P, if no register is behind it.
    """

    name: str
    setup: float
    launch: float


class _Way(NamedTuple):
    """Registers between an input and P, in order, and the time where there are none."""

    registers: tuple[_Register, ...]
    through: float


def _way(through: float, *registers: tuple[str, float, float]) -> _Way:
    return _Way(tuple(_Register(*register) for register in registers), through)


def _ends(product: float | None, sum_: float) -> tuple[tuple[str, float, float], ...]:
    """The registers that all ways end in: M behind the multiplier, and P."""
    last = ("PREG", sum_, 0.434)
    return (last,) if product is None else (("MREG", product, 2.305), last)


_COMMON = {
    "C": _way(1.820, ("CREG", 0.233, 2.291), *_ends(None, 1.701)),
    "PCIN": _way(1.518, *_ends(None, 1.400)),
    "OPMODE": _way(2.326, ("OPMODEREG", 0.449, 2.231), *_ends(None, 2.209)),
    "ALUMODE": _way(2.098, ("ALUMODEREG", 0.246, 2.054), *_ends(None, 1.978)),
    "CARRYIN": _way(1.416, ("CARRYINREG", 0.299, 1.764), *_ends(None, 1.298)),
    "CARRYINSEL": _way(1.910, ("CARRYINSELREG", 0.208, 1.927), *_ends(None, 1.793)),
}
_FACTOR = {"B": _way(3.656, ("BREG", 0.450, 3.813), *_ends(1.743, 3.536))}
_SUM = {
    "A": _way(2.077, ("AREG", 0.362, 2.215), *_ends(None, 1.958)),
    "B": _way(2.057, ("BREG", 0.450, 2.191), *_ends(None, 1.938)),
    **_COMMON,
}
_PRODUCT = {
    "A": _way(3.841, ("AREG", 0.362, 4.009), *_ends(1.928, 3.722)),
    "INMODE": _way(3.923, ("INMODEREG", 0.449, 4.111), *_ends(2.012, 3.805)),
    **_FACTOR,
    **_COMMON,
}
_ADDED = {
    "A": _way(5.201, ("AREG", 0.362, 5.368), ("ADREG", 1.756, 3.684), *_ends(3.288, 5.081)),
    "D": _way(5.070, ("DREG", 0.413, 5.320), ("ADREG", 1.626, 3.684), *_ends(3.158, 4.951)),
    "INMODE": _way(
        5.283, ("INMODEREG", 0.449, 5.470), ("ADREG", 2.089, 3.684), *_ends(3.372, 5.165)
    ),
    **_FACTOR,
    **_COMMON,
}
_CONTROLS = {
    **{"CEA1": 0.497, "CEA2": 0.497, "RSTA": 0.507, "CEB1": 0.514, "CEB2": 0.514, "RSTB": 0.543},
    **{"CEC": 0.414, "RSTC": 0.084, "CED": 0.513, "RSTD": 0.589, "CEAD": 0.426},
    **{"CEM": 0.266, "RSTM": 0.270, "CEP": 0.524, "RSTP": 0.347, "CECTRL": 0.421},
    **{"RSTCTRL": 0.469, "CEALUMODE": 0.411, "RSTALUMODE": 0.411, "CEINMODE": 0.603},
    **{"RSTINMODE": 0.686, "CECARRYIN": 0.665, "RSTALLCARRYIN": 0.287},
}
_CLOCK = "CLK"
_CASCADE = 0.197
"""What PCOUT is later than P, at most."""


def dsp48e1(parameters: Parameters) -> CellTiming:
    """Setup at each input's first register, and clock to output of the last registers."""
    captures, arcs, launches = [], [], []
    ways = _ways(parameters)
    for port, way in ways.items():
        used = [step for step in way.registers if number(parameters, step.name, 1)]
        if used:
            captures.append(Edge(port, _CLOCK, used[0].setup))
            launches.append(used[-1].launch)
        else:
            arcs += list(_through(port, way.through))
    captures += [Edge(port, _CLOCK, ns) for port, ns in _CONTROLS.items()]
    out = max(launches, default=None)
    ends = () if out is None else (Edge("P", _CLOCK, out), Edge("PCOUT", _CLOCK, out + _CASCADE))
    pins = dict.fromkeys([*ways, *_CONTROLS], BLOCK)
    return CellTiming(tuple(arcs), ends, tuple(captures), BLOCK, pins)


def _through(port: str, ns: float) -> Iterator[Arc]:
    yield Arc(port, "P", ns)
    yield Arc(port, "PCOUT", ns + _CASCADE)


def _ways(parameters: Parameters) -> Mapping[str, _Way]:
    if word(parameters, "USE_MULT", "MULTIPLY") == "NONE":
        return _SUM
    return _ADDED if word(parameters, "USE_DPORT", "FALSE") == "TRUE" else _PRODUCT

"""The coefficients of the cost estimates, as they were fitted last."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FITTED = Path(__file__).with_name("fitted.json")
"""What ``python -m bench calibrate --json`` wrote."""


@dataclass(frozen=True)
class Coefficients:
    """What the LUT and flip-flop estimates are built from; everything else is arithmetic on widths.

    ``python -m bench calibrate`` fits them to what Yosys makes of whole designs.

    Attributes
    ----------
    mux_lut : float
        A LUT of a wide multiplexer.
    engine_lut, engine_ff : float
        Counters, addresses and handshakes of a convolution engine.
    window_lut, window_ff : float
        The same of a kernel larger than 1x1, besides.
    requantise_lut, requantise_ff : float
        Counters and handshakes of a requantiser.
    scaler_lut, scaler_ff, clamp_lut, clamp_ff : float
        A lane of it, with an inferred multiplier and with a DSP48E1 that does all but the clamp.
    stream_lut, stream_ff : float
        A bit of the wider side of a lane converter.
    unit_lut, unit_ff : float
        Counters and handshakes of a pool, concatenation, adder or global sum.
    digit_lut, digit_ff : float
        A bit of an adder, and of a register, in the chains of multipliers made of LUTs.
    shared_lut : float
        The multiples of an activation that all rows of such multipliers share.
    upper_lut : float
        An upper row's sum modulo ``2**r``, for each of its ``r * (r + 1) / 2`` bit products.
    rom_mux_lut : float
        A bit of a ROM in LUTs, for each four banks of 64 rows but the first.
    lut4_per_lut6 : float
        Look-up tables of four inputs that do what the formulas count of six inputs: for the ECP5.
    """

    mux_lut: float
    engine_lut: float
    engine_ff: float
    window_lut: float
    window_ff: float
    requantise_lut: float
    requantise_ff: float
    scaler_lut: float
    scaler_ff: float
    clamp_lut: float
    clamp_ff: float
    stream_lut: float
    stream_ff: float
    unit_lut: float
    unit_ff: float
    digit_lut: float
    digit_ff: float
    shared_lut: float
    upper_lut: float
    rom_mux_lut: float
    lut4_per_lut6: float

    @staticmethod
    def load() -> Coefficients:
        """Those that were fitted last."""
        return Coefficients(**json.loads(FITTED.read_text())["calibrate"]["coefficients"])

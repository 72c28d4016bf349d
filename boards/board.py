"""What the planner and the emitter need to know of a board."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from amaranth.build import Platform

Family = Literal["xc7", "ecp5"]
"""``"xc7"``: AMD 7-series, DSP48E1 and RAMB18/36. ``"ecp5"``: Lattice ECP5, MULT18X18D, DP16KD."""

TOP = "top"
"""The module that is the whole chip, and the stem of its files."""


@dataclass(frozen=True)
class BuildStep:
    """A command to run in an emitted folder, and what for."""

    command: str
    purpose: str


@dataclass(frozen=True)
class Resources:
    """An FPGA's resources, or a design's use of them.

    Attributes
    ----------
    lut : int
        Look-up tables, those used as memory included: 6 inputs on 7-series, 4 on ECP5.
    ff : int
        Flip-flops.
    dsp : int
        Multiplier blocks: DSP48E1 on 7-series, MULT18X18D on ECP5.
    bram36 : float
        36 Kib block RAMs; a half is a RAMB18 on 7-series, a DP16KD on ECP5.
    """

    lut: int
    ff: int
    dsp: int
    bram36: float


@dataclass(frozen=True)
class Board:
    """A board: its part, what it holds, how fast its clock and its links are.

    Attributes
    ----------
    name : str
        As ``--board`` takes it.
    title : str
        For people.
    part : str
        Full device name, with package and speed grade.
    resources : Resources
        The device's budget.
    clock_hz : int
        Clock of the accelerator unless ``--clock`` says otherwise.
    baud : int
        Of the UART link.
    platform : callable
        Makes the ``amaranth`` platform, one of ``boards/seven_series.py`` or ``boards/ecp5.py``.
    family : str
        Of the FPGA: which multipliers and memories it has.
    """

    name: str
    title: str
    part: str
    resources: Resources
    clock_hz: int
    baud: int
    platform: Callable[[], Platform]
    family: Family = "xc7"

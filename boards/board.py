"""What the planner and the emitter need to know of a board."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.build import Platform


@dataclass(frozen=True)
class Resources:
    """An FPGA's resources, or a design's use of them.

    Attributes
    ----------
    lut : int
        6-input look-up tables, those used as memory included.
    ff : int
        Flip-flops.
    dsp : int
        Multiplier blocks (DSP48E1 on 7-series).
    bram36 : float
        36 Kib block RAMs; a half is a RAMB18.
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
        Makes the ``amaranth`` platform.
    """

    name: str
    title: str
    part: str
    resources: Resources
    clock_hz: int
    baud: int
    platform: Callable[[], Platform]

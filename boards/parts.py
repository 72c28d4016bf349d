"""FPGAs as data: what a part holds, whether a board of ours has it or not.

7-series: "7 Series FPGAs Data Sheet: Overview" (AMD DS180), tables of the families; four LUTs and
eight flip-flops a slice. Zynq-7000: "Zynq-7000 SoC Data Sheet: Overview" (AMD DS190), programmable
logic. ECP5: "ECP5 and ECP5-5G Family Data Sheet" (Lattice FPGA-DS-02012), table 1.1, with the
LUTs as Project Trellis counts them, a flip-flop each, and two of its block RAMs of 18 Kbit for one
of 36.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from amaranth.build import Platform

from boards.board import Board, Family, Phy, Resources
from boards.bridge import FT2232H, Bridge


@dataclass(frozen=True)
class Part:
    """An FPGA in some package and speed grade.

    Attributes
    ----------
    name : str
        As the vendor's tools spell it, with package and speed grade if they were named.
    device : str
        Without these.
    title : str
        For people.
    family : "xc7" or "ecp5"
    resources : Resources
    """

    name: str
    device: str
    title: str
    family: Family
    resources: Resources


@dataclass(frozen=True)
class _Device:
    title: str
    family: Family
    resources: Resources


def _xc7(title: str, lut: int, dsp: int, bram36: int) -> _Device:
    return _Device(title, "xc7", Resources(lut, 2 * lut, dsp, bram36))


def _ecp5(title: str, lut: int, dsp: int, blocks: int) -> _Device:
    return _Device(title, "ecp5", Resources(lut, lut, dsp, blocks / 2))


_DEVICES = {
    "xc7a35t": _xc7("Artix-7 35T", 20_800, 90, 50),
    "xc7a50t": _xc7("Artix-7 50T", 32_600, 120, 75),
    "xc7a75t": _xc7("Artix-7 75T", 47_200, 180, 105),
    "xc7a100t": _xc7("Artix-7 100T", 63_400, 240, 135),
    "xc7a200t": _xc7("Artix-7 200T", 134_600, 740, 365),
    "xc7s25": _xc7("Spartan-7 S25", 14_600, 80, 45),
    "xc7s50": _xc7("Spartan-7 S50", 32_600, 120, 75),
    "xc7s100": _xc7("Spartan-7 S100", 64_000, 160, 120),
    "xc7k70t": _xc7("Kintex-7 70T", 41_000, 240, 135),
    "xc7k160t": _xc7("Kintex-7 160T", 101_400, 600, 325),
    "xc7k325t": _xc7("Kintex-7 325T", 203_800, 840, 445),
    "xc7z010": _xc7("Zynq 7010", 17_600, 80, 60),
    "xc7z020": _xc7("Zynq 7020", 53_200, 220, 140),
    "xc7z030": _xc7("Zynq 7030", 78_600, 400, 265),
    "lfe5u-25f": _ecp5("ECP5 25F", 24_288, 28, 56),
    "lfe5u-45f": _ecp5("ECP5 45F", 43_848, 72, 108),
    "lfe5u-85f": _ecp5("ECP5 85F", 83_640, 156, 208),
}
DEVICES = tuple(_DEVICES)
"""Names of the devices that are known."""
_NAME = re.compile(
    r"(?P<xc7>xc7[aksz]\d+t?)(?:il?|l)?(?:[a-z]{2,4}\d+)?(?:-\w+)?"
    r"|(?P<ecp5>lfe5u(?:m|m5g)?-\d+f)(?:-\d[a-z]+\d+[a-z]?)?"
)


def find_part(name: str) -> Part:
    """The part of a name such as ``xc7z020clg400-1`` or ``LFE5U-85F-6BG381``.

    Package and speed grade may be left out, and make no difference to what there is of it. An ECP5
    with transceivers has the logic of the one without.

    Parameters
    ----------
    name : str

    Raises
    ------
    ValueError
        If there is none of that name, or none that is known; lists those that are.
    """
    found = _NAME.fullmatch(name.lower())
    device = "" if found is None else found["xc7"] or found["ecp5"]
    plain = re.sub(r"^lfe5um(5g)?", "lfe5u", device)
    if plain not in _DEVICES:
        raise ValueError(f"unknown part {name!r}; known are {', '.join(DEVICES)}")
    known = _DEVICES[plain]
    spelt = name.lower() if known.family == "xc7" else name.upper()
    return Part(spelt, device, known.title, known.family, known.resources)


def board_with(
    part: str,
    *,
    name: str,
    title: str,
    loader: str,
    idcode: int,
    platform: Callable[[], Platform],
    clock_hz: int = 100_000_000,
    bridge: Bridge = FT2232H,
    phy: Phy | None = None,
) -> Board:
    """A board with what its part has, and its UART at the usual rate.

    Parameters
    ----------
    part : str
        With package and speed grade.
    name, title, loader, idcode, platform, clock_hz, bridge, phy
        As :class:`boards.board.Board` has them.
    """
    known = find_part(part)
    return Board(
        name=name,
        title=title,
        part=part,
        loader=loader,
        idcode=idcode,
        resources=known.resources,
        clock_hz=clock_hz,
        baud=bridge.usual(clock_hz),
        platform=platform,
        bridge=bridge,
        family=known.family,
        phy=phy,
    )

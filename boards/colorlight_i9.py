"""Colorlight i9 v7.2, with an LFE5U-45F, on Muse Lab's extension board.

Pins: colorlight_i9_v7.2.md and the examples of wuxx/Colorlight-FPGA-Projects, the same as in
LiteX-Boards' colorlight_i5.py. Its Ethernet is left out: LiteEth's RGMII is too slow in the slowest
speed grade (nextpnr-ecp5 reaches 105 MHz of 125 on the receive clock).
"""

from amaranth.build import Attrs, Clock, Pins, Resource
from amaranth_boards.resources import LEDResources, UARTResource

from boards.bridge import DAPLINK
from boards.ecp5 import Ecp5Platform
from boards.parts import board_with

_IO = Attrs(IO_TYPE="LVCMOS33")


class ColorlightI9Platform(Ecp5Platform):
    """The board: one LED, and no reset button."""

    device = "LFE5U-45F"
    package = "BG381"
    speed = "6"
    default_clk = "clk25"
    resources = (
        Resource("clk25", 0, Pins("P3", dir="i"), Clock(25e6), _IO),
        *LEDResources(pins="L2", invert=True, attrs=_IO),
        UARTResource(0, rx="H18", tx="J17", attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")),
    )
    connectors = ()


COLORLIGHT_I9 = board_with(
    "LFE5U-45F-6BG381",
    name="colorlight_i9",
    title="Colorlight i9 v7.2",
    loader="colorlight-i9",
    idcode=0x4111_2043,
    platform=ColorlightI9Platform,
    clock_hz=80_000_000,
    bridge=DAPLINK,
)

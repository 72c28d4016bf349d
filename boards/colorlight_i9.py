"""Colorlight i9 v7.2, with an LFE5U-45F, on Muse Lab's extension board.

Pins: colorlight_i9_v7.2.md and the examples of wuxx/Colorlight-FPGA-Projects, the same as in
LiteX-Boards' colorlight_i5.py, which also has the delays of the PHY, a B50612D.
"""

from amaranth.build import Attrs, Clock, Pins, PinsN, Resource, Subsignal
from amaranth_boards.resources import LEDResources, UARTResource

from boards.board import Phy
from boards.bridge import DAPLINK
from boards.ecp5 import Ecp5Platform
from boards.parts import board_with

_IO = Attrs(IO_TYPE="LVCMOS33")


class ColorlightI9Platform(Ecp5Platform):
    """The board: one LED, no reset button, and of its two PHYs the one that LiteX calls 0."""

    device = "LFE5U-45F"
    package = "BG381"
    speed = "6"
    default_clk = "clk25"
    resources = (
        Resource("clk25", 0, Pins("P3", dir="i"), Clock(25e6), _IO),
        *LEDResources(pins="L2", invert=True, attrs=_IO),
        UARTResource(0, rx="H18", tx="J17", attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")),
        Resource(
            "eth_rgmii",
            0,
            Subsignal("rst", PinsN("P4", dir="o")),
            Subsignal("tx_clk", Pins("G1", dir="o")),
            Subsignal("tx_ctl", Pins("K1", dir="o")),
            Subsignal("tx_data", Pins("G2 H1 J1 J3", dir="o")),
            Subsignal("rx_clk", Pins("H2", dir="i")),
            Subsignal("rx_ctl", Pins("P2", dir="i")),
            Subsignal("rx_data", Pins("K2 L1 N1 P1", dir="i")),
            _IO,
        ),
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
    phy=Phy(kind="rgmii", resource="eth_rgmii", rx_delay_taps=80, tx_delay_ns=0.0),
)

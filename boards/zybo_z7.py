"""Digilent Zybo Z7-20: the programmable logic of its Zynq 7020, and nothing of its processors.

Its USB port's UART is the processors'. Ours is on Pmod JE, for Digilent's Pmod USBUART: the board
sends on pin 2 and receives on pin 3 (type 4 of their Pmod specification). The line is pulled up:
with nothing there, it would be a break else. Pins: Digilent's Zybo-Z7-Master.xdc, the same as in
LiteX-Boards' digilent_zybo_z7.py.
"""

from amaranth.build import Attrs, Clock, Pins, PinsN, Resource, Subsignal
from amaranth.hdl import Module
from amaranth.lib import io
from amaranth_boards.resources import LEDResources

from boards.bridge import FT232R
from boards.parts import board_with
from boards.seven_series import SevenSeriesPlatform

_IO = Attrs(IOSTANDARD="LVCMOS33")


class ZyboZ720Platform(SevenSeriesPlatform):
    """The board; BTN0 resets it, and its clock is one that the Ethernet PHY makes."""

    device = "xc7z020"
    package = "clg400"
    speed = "1"
    default_clk = "clk125"
    default_rst = "rst"
    resources = (
        Resource("clk125", 0, Pins("K17", dir="i"), Clock(125e6), _IO),
        Resource("rst", 0, Pins("K18", dir="i"), _IO),
        Resource("eth_rst", 0, PinsN("E17", dir="o"), _IO),
        *LEDResources(pins="M14 M15 G14 D18", attrs=_IO),
        Resource(
            "uart",
            0,
            Subsignal("rx", Pins("J15", dir="i"), Attrs(PULLUP="TRUE")),
            Subsignal("tx", Pins("W16", dir="o")),
            _IO,
        ),
    )
    connectors = ()

    def hold_pins(self, m: Module) -> None:
        """Keep the Ethernet PHY out of reset, in which it would stop the clock."""
        pin = self.request("eth_rst", 0, dir="-")
        m.submodules.eth_rst = buffer = io.Buffer("o", pin)
        m.d.comb += buffer.o.eq(0)


ZYBO_Z7_20 = board_with(
    "xc7z020clg400-1",
    name="zybo_z7_20",
    title="Digilent Zybo Z7-20",
    loader="zybo_z7_20",
    idcode=0x0372_7093,
    platform=ZyboZ720Platform,
    bridge=FT232R,
)

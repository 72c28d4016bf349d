"""Digilent Zybo Z7-20: the programmable logic of its Zynq 7020, and nothing of its processors.

The UART is on Pmod JE. Pins: Digilent's Zybo-Z7-Master.xdc, the same as in LiteX-Boards'
digilent_zybo_z7.py.
"""

from amaranth.build import PinsN, Resource
from amaranth.hdl import Module
from amaranth.lib import io
from amaranth_boards.resources import LEDResources

from boards.bridge import FT232R
from boards.parts import board_with
from boards.zynq import IDCODE, IO, PART, ZynqPlatform, common


class ZyboZ720Platform(ZynqPlatform):
    """The board; BTN0 resets it."""

    resources = (
        *common(clk125="K17", rst="K18", rx="J15", tx="W16"),
        Resource("eth_rst", 0, PinsN("E17", dir="o"), IO),
        *LEDResources(pins="M14 M15 G14 D18", attrs=IO),
    )

    def hold_pins(self, m: Module) -> None:
        """Keep the Ethernet PHY out of reset, in which it would stop the clock."""
        pin = self.request("eth_rst", 0, dir="-")
        m.submodules.eth_rst = buffer = io.Buffer("o", pin)
        m.d.comb += buffer.o.eq(0)


ZYBO_Z7_20 = board_with(
    PART,
    name="zybo_z7_20",
    title="Digilent Zybo Z7-20",
    loader="zybo_z7_20",
    idcode=IDCODE,
    platform=ZyboZ720Platform,
    bridge=FT232R,
)

"""Digilent Nexys A7-100T, and the Nexys 4 DDR, which is the same.

Its Ethernet is RMII, which we do not have. Pins: amaranth-boards, the same as in Digilent's
Nexys-A7-100T-Master.xdc.
"""

from amaranth.build import Attrs
from amaranth_boards.nexys4ddr import Nexys4DDRPlatform
from amaranth_boards.resources import UARTResource

from boards.parts import board_with
from boards.seven_series import QUAD_FLASH, SevenSeriesPlatform


class NexysA7Platform(SevenSeriesPlatform, Nexys4DDRPlatform):
    """The board; its UART without the lines for flow control."""

    bitstream_settings = QUAD_FLASH
    resources = (
        *(pins for pins in Nexys4DDRPlatform.resources if pins.name in ("clk100", "rst", "led")),
        UARTResource(0, rx="C4", tx="D4", attrs=Attrs(IOSTANDARD="LVCMOS33")),
    )


NEXYS_A7 = board_with(
    "xc7a100tcsg324-1",
    name="nexys_a7",
    title="Digilent Nexys A7-100T",
    loader="nexys_a7_100",
    idcode=0x0363_1093,
    platform=NexysA7Platform,
)
